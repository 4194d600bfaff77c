SELECT ensure_month_partitions(
    'analytics.fact_crypto_price_metrics',
    (SELECT array_agg(DISTINCT snapshot_time) FROM pending_snapshots)
);

-- A late file can split a version: facts loaded before then point at a version that no longer
-- covers them. Such a version was revised in this transaction, and its coin has another. Where none
-- was, the facts' months are not opened for it. A bucket is at most two and a half minutes from its
-- last_updated: the index knows the former.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM analytics.dim_cryptocurrency AS revised
        JOIN analytics.dim_cryptocurrency AS other
            ON other.crypto_id = revised.crypto_id AND other.crypto_key <> revised.crypto_key
        WHERE revised.revised_at = now()
    ) THEN
        UPDATE analytics.fact_crypto_price_metrics AS f
        SET crypto_key = covering.crypto_key
        FROM analytics.dim_cryptocurrency AS revised
        JOIN analytics.dim_cryptocurrency AS covering
            ON covering.crypto_id = revised.crypto_id
            AND covering.crypto_key <> revised.crypto_key
        WHERE revised.revised_at = now()
            AND f.crypto_key = revised.crypto_key
            AND NOT (revised.valid_from <= f.last_updated AND f.last_updated < revised.valid_to)
            AND covering.valid_from <= f.last_updated AND f.last_updated < covering.valid_to
            AND f.snapshot_time >= covering.valid_from - interval '5 minutes'
            AND f.snapshot_time <= covering.valid_to + interval '5 minutes';
    END IF;
END
$$;

-- The last step of a gold load: the batches are marked as loaded with it.
WITH incoming AS MATERIALIZED (
    SELECT * FROM incoming_fact_crypto_price_metrics
),
merged AS (
    INSERT INTO analytics.fact_crypto_price_metrics (
        -- [[[cog columns(FACT.columns) ]]]
        date_key, time_key, crypto_key, source_key, crypto_id, vs_currency, snapshot_time,
        last_updated, batch_id, current_price, high_24h, low_24h, price_change_24h,
        price_change_pct_24h, ath, ath_change_pct, atl, atl_change_pct, market_cap,
        market_cap_rank, fully_diluted_valuation, total_volume, market_cap_change_24h,
        market_cap_change_pct_24h, circulating_supply, total_supply, max_supply, roi_times,
        roi_percentage, market_cap_rank_with_rehypothecated, load_timestamp
        -- [[[end]]]
    )
    SELECT
        -- [[[cog columns(FACT.columns) ]]]
        date_key, time_key, crypto_key, source_key, crypto_id, vs_currency, snapshot_time,
        last_updated, batch_id, current_price, high_24h, low_24h, price_change_24h,
        price_change_pct_24h, ath, ath_change_pct, atl, atl_change_pct, market_cap,
        market_cap_rank, fully_diluted_valuation, total_volume, market_cap_change_24h,
        market_cap_change_pct_24h, circulating_supply, total_supply, max_supply, roi_times,
        roi_percentage, market_cap_rank_with_rehypothecated, load_timestamp
        -- [[[end]]]
    FROM incoming
    ON CONFLICT DO NOTHING
    RETURNING 1
),
marked AS (
    UPDATE ingestion_batches SET gold_loaded_at = now()
    WHERE status = 'completed' AND gold_loaded_at IS NULL
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM merged) AS rows_inserted,
    (SELECT count(*) FROM marked) AS batches_loaded;
