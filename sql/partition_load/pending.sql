-- What gold does not have yet, in a load that builds a month detached: after gold/pending.sql, which has
-- the same relations for what is in the tables.
CREATE OR REPLACE TEMPORARY VIEW pending_snapshots AS
SELECT crypto_id, name_id, last_updated, snapshot_time FROM month_price_snapshots
UNION ALL
SELECT s.crypto_id, s.name_id, s.last_updated, s.snapshot_time
FROM ingestion_batches AS b
JOIN price_snapshots AS s USING (batch_id)
WHERE b.status = 'completed' AND b.gold_loaded_at IS NULL;

CREATE OR REPLACE TEMPORARY VIEW known_snapshots AS
SELECT crypto_id, name_id, last_updated, snapshot_time FROM month_price_snapshots
UNION ALL
SELECT crypto_id, name_id, last_updated, snapshot_time FROM price_snapshots;
