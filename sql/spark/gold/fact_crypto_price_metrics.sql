-- The snapshots of the batches pending for gold. A fact that is there already was written by a load
-- that died before it could say so.
MERGE INTO {lake}.fact_crypto_price_metrics AS t
USING (
    SELECT
        CAST(date_format(s.snapshot_time, 'yyyyMMdd') AS INT) AS date_key,
        CAST(date_format(s.snapshot_time, 'HHmm') AS SMALLINT) AS time_key,
        coalesce(c.crypto_key, CAST(-1 AS BIGINT)) AS crypto_key,
        coalesce(o.source_key, -1) AS source_key,
        s.crypto_id,
        s.vs_currency,
        s.snapshot_time,
        s.last_updated,
        s.batch_id,
        -- [[[cog columns((c for c in FACT.measures if c in PRICE_MEASURES), "s.{}", end=",", one_per_line=True) ]]]
        s.current_price,
        s.high_24h,
        s.low_24h,
        s.price_change_24h,
        s.price_change_pct_24h,
        s.ath,
        s.ath_change_pct,
        s.atl,
        s.atl_change_pct,
        -- [[[end]]]
        -- [[[cog columns((c for c in FACT.measures if c in METRIC_MEASURES), "m.{}", end=",", one_per_line=True) ]]]
        m.market_cap,
        m.market_cap_rank,
        m.fully_diluted_valuation,
        m.total_volume,
        m.market_cap_change_24h,
        m.market_cap_change_pct_24h,
        m.circulating_supply,
        m.total_supply,
        m.max_supply,
        m.roi_times,
        m.roi_percentage,
        m.market_cap_rank_with_rehypothecated,
        -- [[[end]]]
        current_timestamp() AS load_timestamp,
        s.snapshot_month
    FROM pending_snapshots AS s
    JOIN {lake}.market_metrics AS m
        ON m.snapshot_month IN ({months})
        AND m.snapshot_month = s.snapshot_month
        AND m.crypto_id = s.crypto_id
        AND m.vs_currency = s.vs_currency
        AND m.snapshot_time = s.snapshot_time
    LEFT JOIN {lake}.dim_cryptocurrency AS c
        ON c.crypto_id = s.crypto_id
        AND c.valid_from <= s.last_updated AND s.last_updated < c.valid_to
    LEFT JOIN {lake}.dim_source AS o ON o.source_name = s.source
) AS i
ON t.snapshot_month IN ({months})
    AND t.snapshot_month = i.snapshot_month
    AND t.crypto_id = i.crypto_id
    AND t.vs_currency = i.vs_currency
    AND t.snapshot_time = i.snapshot_time
WHEN NOT MATCHED THEN INSERT *
