-- By month and batch: how many facts, which keys, and the sum of every column. OFFSET keeps the inner
-- query of its own, so that each measure is made to fit once, and not again in every sum that has it.
SELECT
    to_char(f.snapshot_time AT TIME ZONE 'UTC', 'YYYY-MM') AS snapshot_month,
    f.batch_id,
    count(*) AS facts,
    sum((
        'x' || left(md5(concat_ws(
            ' ', f.crypto_id, f.vs_currency,
            (extract(epoch FROM f.snapshot_time) * 1000000)::bigint
        )), 15)
    )::bit(60)::bigint) AS keys,
    sum((extract(epoch FROM f.last_updated) * 1000000)::bigint) AS last_updated,
    sum((extract(epoch FROM f.load_timestamp) * 1000000)::bigint) AS load_timestamp,
    sum(f.measures_known) - sum(num_nonnulls(
        -- [[[cog columns(numbers(FACT.measures), "f.{}") ]]]
        f.current_price, f.high_24h, f.low_24h, f.price_change_24h, f.price_change_pct_24h,
        f.ath, f.ath_change_pct, f.atl, f.atl_change_pct, f.market_cap,
        f.fully_diluted_valuation, f.total_volume, f.market_cap_change_24h,
        f.market_cap_change_pct_24h, f.circulating_supply, f.total_supply, f.max_supply,
        f.roi_times, f.roi_percentage
        -- [[[end]]]
    )) AS unrepresentable_values,
    -- [[[cog columns(summed(FACT, without=("batch_id",)), "sum(f.{}) AS {}", one_per_line=True) ]]]
    sum(f.date_key) AS date_key,
    sum(f.time_key) AS time_key,
    sum(f.crypto_key) AS crypto_key,
    sum(f.source_key) AS source_key,
    sum(f.current_price) AS current_price,
    sum(f.high_24h) AS high_24h,
    sum(f.low_24h) AS low_24h,
    sum(f.price_change_24h) AS price_change_24h,
    sum(f.price_change_pct_24h) AS price_change_pct_24h,
    sum(f.ath) AS ath,
    sum(f.ath_change_pct) AS ath_change_pct,
    sum(f.atl) AS atl,
    sum(f.atl_change_pct) AS atl_change_pct,
    sum(f.market_cap) AS market_cap,
    sum(f.market_cap_rank) AS market_cap_rank,
    sum(f.fully_diluted_valuation) AS fully_diluted_valuation,
    sum(f.total_volume) AS total_volume,
    sum(f.market_cap_change_24h) AS market_cap_change_24h,
    sum(f.market_cap_change_pct_24h) AS market_cap_change_pct_24h,
    sum(f.circulating_supply) AS circulating_supply,
    sum(f.total_supply) AS total_supply,
    sum(f.max_supply) AS max_supply,
    sum(f.roi_times) AS roi_times,
    sum(f.roi_percentage) AS roi_percentage,
    sum(f.market_cap_rank_with_rehypothecated) AS market_cap_rank_with_rehypothecated
    -- [[[end]]]
FROM (
    SELECT *
    FROM lake.facts
    WHERE %(batches)s::bigint[] IS NULL OR batch_id = ANY (%(batches)s)
    OFFSET 0
) AS f
GROUP BY 1, 2
