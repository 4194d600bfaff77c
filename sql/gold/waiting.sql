-- What gold has yet to learn: the snapshots of the batches that wait for it, and all that silver knows.
SELECT see_months(months_of_batches(ARRAY(
    SELECT batch_id FROM ingestion_batches WHERE status = 'completed' AND gold_loaded_at IS NULL
)));

CREATE OR REPLACE TEMPORARY VIEW waiting_snapshots AS
SELECT s.crypto_id, s.name_id, s.last_updated, s.snapshot_time
FROM ingestion_batches AS b
JOIN seen_price_snapshots AS s USING (batch_id)
WHERE b.status = 'completed' AND b.gold_loaded_at IS NULL;

CREATE OR REPLACE TEMPORARY VIEW waiting_history AS
SELECT h.*
FROM ingestion_batches AS b
JOIN seen_price_history AS h USING (batch_id)
WHERE b.status = 'completed' AND b.gold_loaded_at IS NULL;

CREATE OR REPLACE TEMPORARY VIEW known_snapshots AS
SELECT crypto_id, name_id, last_updated FROM price_snapshots;
