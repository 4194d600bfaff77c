-- Whether the loads so far have left nothing to do: every batch is in gold, the run that wrote the newest
-- one has ended well, so that it has reported its hours, and an audit has begun since.
SELECT
    coalesce(bool_and(status = 'failed' OR gold_loaded_at IS NOT NULL), true)
    AND coalesce(
        max(loaded_at) <= (
            SELECT to_timestamp(max(start_time)) FROM dagster.runs
            WHERE pipeline_name = 'audit' AND status = 'SUCCESS'
        ),
        false
    )
    AND EXISTS (
        SELECT FROM dagster.runs
        WHERE status = 'SUCCESS'
            AND run_id = (SELECT run_id FROM ingestion_batches ORDER BY loaded_at DESC LIMIT 1)
    )
FROM ingestion_batches
