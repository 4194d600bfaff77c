WITH merged AS (
    INSERT INTO rejected_records (batch_id, record_index, crypto_id, rules, reason, record)
    SELECT b.batch_id, i.record_index, i.crypto_id, i.rules, i.reason, i.record
    FROM incoming_rejected_records AS i
    JOIN ingestion_batches AS b
        ON b.landing_file = i.landing_file AND b.status IN ('loading', 'failed')
    ON CONFLICT (batch_id, record_index) DO UPDATE SET
        rules = excluded.rules, reason = excluded.reason
    RETURNING 1
),
-- The last step of a silver load: its batches are complete.
completed AS (
    UPDATE ingestion_batches SET status = 'completed' WHERE status = 'loading'
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM merged) AS rows_inserted,
    (SELECT count(*) FROM completed) AS batches_completed;
