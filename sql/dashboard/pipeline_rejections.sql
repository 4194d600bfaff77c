-- How often each rule was broken, by day of the fetch.
SELECT
    (ingested_at AT TIME ZONE 'UTC')::date AS day, rule, count(*) AS broken,
    count(resolved_at) AS loaded_since
FROM v_pipeline_rejections
WHERE ingested_at > (
    SELECT max(partition_hour) - :'days'::integer * interval '24 hours' FROM v_pipeline_batches
)
GROUP BY day, rule
ORDER BY rule, day
