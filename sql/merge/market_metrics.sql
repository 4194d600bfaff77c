-- One row for every snapshot that the same record has just given.
SELECT ensure_month_partitions(
    'market_metrics', (SELECT array_agg(DISTINCT snapshot_time) FROM incoming_market_metrics)
);

SELECT create_pruned_views(ARRAY(
    SELECT DISTINCT date_trunc('month', snapshot_time, 'UTC') FROM incoming_market_metrics
));

-- The foreign key points at a partitioned table. A plan for its check that knows the row opens one
-- month and is made anew for every row; one for all rows opens every month there is, once.
SELECT set_config(
    'plan_cache_mode',
    CASE WHEN count(*) > 2000 THEN 'force_generic_plan' ELSE 'force_custom_plan' END,
    true
)
FROM incoming_market_metrics;

WITH merged AS (
    INSERT INTO market_metrics (
        crypto_id, vs_currency, snapshot_time,
        -- [[[cog columns(METRIC_MEASURES) ]]]
        market_cap, market_cap_rank, fully_diluted_valuation, total_volume,
        market_cap_change_24h, market_cap_change_pct_24h, circulating_supply, total_supply,
        max_supply, roi_times, roi_currency, roi_percentage,
        market_cap_rank_with_rehypothecated
        -- [[[end]]]
    )
    SELECT
        i.crypto_id, i.vs_currency, i.snapshot_time,
        -- [[[cog columns(METRIC_MEASURES, "i.{}") ]]]
        i.market_cap, i.market_cap_rank, i.fully_diluted_valuation, i.total_volume,
        i.market_cap_change_24h, i.market_cap_change_pct_24h, i.circulating_supply,
        i.total_supply, i.max_supply, i.roi_times, i.roi_currency, i.roi_percentage,
        i.market_cap_rank_with_rehypothecated
        -- [[[end]]]
    FROM incoming_market_metrics AS i
    JOIN ingestion_batches AS b ON b.landing_file = i.landing_file AND b.status = 'loading'
    JOIN pruned_price_snapshots AS s
        ON (s.crypto_id, s.vs_currency, s.snapshot_time)
            = (i.crypto_id, i.vs_currency, i.snapshot_time)
        AND s.batch_id = b.batch_id
        AND s.record_index = i.record_index
    RETURNING 1
)
SELECT count(*) AS rows_inserted FROM merged;
