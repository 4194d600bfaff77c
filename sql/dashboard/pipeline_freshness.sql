-- How fresh each source and currency is: the newest data, and how long it took from the fetch into gold,
-- of the newest 24 batches.
WITH placed AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY source, vs_currency ORDER BY ingested_at DESC) AS place
    FROM v_pipeline_batches
    WHERE status = 'completed'
        AND partition_hour > (
            SELECT max(partition_hour) - :'days'::integer * interval '24 hours'
            FROM v_pipeline_batches
        )
)
SELECT
    source, vs_currency, max(ingested_at) AS newest_data, max(loaded_at) AS newest_load,
    round(extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (
        ORDER BY gold_loaded_at - loaded_at
    ) FILTER (WHERE place <= 24))::numeric, 1) AS median_seconds_to_gold,
    count(*) AS batches
FROM placed
GROUP BY source, vs_currency
ORDER BY source, vs_currency
