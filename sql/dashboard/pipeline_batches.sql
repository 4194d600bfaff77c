-- What became of the records of each day: loaded, there already, rejected; and of the files.
SELECT
    (partition_hour AT TIME ZONE 'UTC')::date AS day,
    count(*) FILTER (WHERE status = 'completed') AS batches,
    count(*) FILTER (WHERE status = 'failed') AS batches_failed,
    count(DISTINCT partition_hour) FILTER (WHERE status = 'completed') AS hours,
    sum(records_fetched) AS records_fetched,
    sum(records_loaded) AS records_loaded,
    sum(records_duplicate) AS records_duplicate,
    sum(records_rejected) AS records_rejected,
    round(100.0 * sum(records_duplicate) / nullif(sum(records_fetched), 0), 4) AS duplicate_pct
FROM v_pipeline_batches
WHERE partition_hour > (
    SELECT max(partition_hour) - :'days'::integer * interval '24 hours' FROM v_pipeline_batches
)
GROUP BY day
ORDER BY day
