WITH merged AS (
    INSERT INTO rejected_records AS r (
        batch_id, record_index, crypto_id, rules, rule_versions, reason, record
    )
    SELECT
        b.batch_id, i.record_index, i.crypto_id, i.rules, i.rule_versions, i.reason, i.record
    FROM incoming_rejected_records AS i
    JOIN ingestion_batches AS b
        ON b.landing_file = i.landing_file AND b.status IN ('loading', 'failed')
    ON CONFLICT (batch_id, record_index) DO UPDATE SET
        rules = excluded.rules,
        rule_versions = excluded.rule_versions,
        reason = excluded.reason
    RETURNING 1
),
-- A failed file that is tried again, by other rules or a better decoder, may have fewer.
resolved AS (
    UPDATE rejected_records AS r
    SET resolved_at = now(), resolved_batch_id = r.batch_id
    FROM ingestion_batches AS b
    WHERE b.batch_id = r.batch_id AND b.status = 'loading' AND r.resolved_at IS NULL
        AND NOT EXISTS (
            SELECT FROM incoming_rejected_records AS i
            WHERE i.landing_file = b.landing_file AND i.record_index = r.record_index
        )
),
-- The last step of a silver load: its batches are complete.
completed AS (
    UPDATE ingestion_batches SET status = 'completed' WHERE status = 'loading'
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM merged) AS rows_inserted,
    (SELECT count(*) FROM completed) AS batches_completed;
