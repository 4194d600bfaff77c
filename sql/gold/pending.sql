-- What gold does not have yet: the snapshots of the batches pending for it, in the months that
-- pruned_views.sql has made visible, and all that silver knows.
CREATE OR REPLACE TEMPORARY VIEW pending_snapshots AS
SELECT s.crypto_id, s.name_id, s.last_updated, s.snapshot_time
FROM ingestion_batches AS b
JOIN pruned_price_snapshots AS s USING (batch_id)
WHERE b.status = 'completed' AND b.gold_loaded_at IS NULL;

CREATE OR REPLACE TEMPORARY VIEW pending_history AS
SELECT h.*
FROM ingestion_batches AS b
JOIN pruned_price_history AS h USING (batch_id)
WHERE b.status = 'completed' AND b.gold_loaded_at IS NULL;

CREATE OR REPLACE TEMPORARY VIEW known_snapshots AS
SELECT crypto_id, name_id, last_updated, snapshot_time FROM price_snapshots;
