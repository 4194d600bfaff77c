-- The candles of changed hours, as far as they are not there as they are to be.
MERGE INTO {lake}.fact_crypto_price_hourly AS t
USING (
    SELECT
        CAST(date_format(c.start, 'yyyyMMdd') AS INT) AS date_key,
        CAST(date_format(c.start, 'HHmm') AS SMALLINT) AS time_key,
        coalesce(s.source_key, -1) AS source_key,
        c.crypto_id,
        c.vs_currency,
        c.start AS hour_start,
        -- [[[cog columns(numbers(FACT_HOURLY.columns), "c.{}", end=",") ]]]
        c.open_price, c.high_price, c.low_price, c.close_price, c.mean_price, c.market_cap,
        c.total_volume, c.coverage_share,
        -- [[[end]]]
        c.observations,
        c.origin,
        current_timestamp() AS load_timestamp,
        date_format(c.start, 'yyyy-MM') AS snapshot_month
    FROM {candles} AS c
    LEFT JOIN {lake}.dim_source AS s ON s.source_name = c.source
    WHERE c.table_name = 'fact_crypto_price_hourly'
) AS i
ON t.snapshot_month IN ({months})
    AND t.snapshot_month = i.snapshot_month
    AND t.crypto_id = i.crypto_id
    AND t.vs_currency = i.vs_currency
    AND t.hour_start = i.hour_start
WHEN MATCHED AND (
    -- [[[cog any_of(numbers(FACT_HOURLY.columns), "NOT (t.{} <=> i.{})") ]]]
    NOT (t.open_price <=> i.open_price)
        OR NOT (t.high_price <=> i.high_price)
        OR NOT (t.low_price <=> i.low_price)
        OR NOT (t.close_price <=> i.close_price)
        OR NOT (t.mean_price <=> i.mean_price)
        OR NOT (t.market_cap <=> i.market_cap)
        OR NOT (t.total_volume <=> i.total_volume)
        OR NOT (t.coverage_share <=> i.coverage_share)
    -- [[[end]]]
        OR t.source_key <> i.source_key
        OR t.observations <> i.observations
        OR t.origin <> i.origin
) THEN UPDATE SET
    -- [[[cog columns(numbers(FACT_HOURLY.columns), "{} = i.{}", end=",", one_per_line=True) ]]]
    open_price = i.open_price,
    high_price = i.high_price,
    low_price = i.low_price,
    close_price = i.close_price,
    mean_price = i.mean_price,
    market_cap = i.market_cap,
    total_volume = i.total_volume,
    coverage_share = i.coverage_share,
    -- [[[end]]]
    source_key = i.source_key,
    observations = i.observations,
    origin = i.origin,
    load_timestamp = i.load_timestamp
WHEN NOT MATCHED THEN INSERT *
