-- The pipeline in one row: the newest data, what waits, and what became of the records of the days shown.
SELECT
    max(ingested_at) FILTER (WHERE status = 'completed') AS newest_data,
    max(loaded_at) AS newest_load,
    count(*) FILTER (WHERE status = 'completed' AND gold_loaded_at IS NULL) AS batches_pending,
    count(*) FILTER (WHERE shown AND status = 'completed') AS batches,
    count(*) FILTER (WHERE shown AND status = 'failed') AS batches_failed,
    sum(records_fetched) FILTER (WHERE shown) AS records_fetched,
    sum(records_loaded) FILTER (WHERE shown) AS records_loaded,
    sum(records_duplicate) FILTER (WHERE shown) AS records_duplicate,
    sum(records_rejected) FILTER (WHERE shown) AS records_rejected
FROM (
    SELECT
        *,
        partition_hour > (SELECT max(partition_hour) FROM v_pipeline_batches)
            - :'days'::integer * interval '24 hours' AS shown
    FROM v_pipeline_batches
) AS b
