-- The days of which hours changed, from all of their hours; and all days into the facts.
ANALYZE changed_days;

-- The planner sees the bounds and looks at no other month; day by day, not even all of these is read.
SELECT create_pruned_candles(min(day_start), max(day_start)) FROM changed_days;

INSERT INTO day_candles
SELECT d.crypto_id, d.vs_currency, (d.day_start AT TIME ZONE 'UTC')::date AS day, h.*
FROM (SELECT DISTINCT crypto_id, vs_currency, day_start FROM changed_days) AS d
CROSS JOIN LATERAL (
    SELECT
        (array_agg(h.source_key ORDER BY h.hour_start))[1] AS source_key,
        (array_agg(h.open_price ORDER BY h.hour_start))[1] AS open_price,
        max(h.high_price) AS high_price,
        min(h.low_price) AS low_price,
        (array_agg(h.close_price ORDER BY h.hour_start))[count(*)] AS close_price,
        CASE
            WHEN count(*) = 1 THEN min(h.mean_price)
            ELSE round(sum(h.mean_price * h.observations) / sum(h.observations)::numeric(38, 26), 26)
        END AS mean_price,
        (array_agg(h.market_cap ORDER BY h.hour_start) FILTER (WHERE h.market_cap IS NOT NULL))
            [count(h.market_cap)] AS market_cap,
        (array_agg(h.total_volume ORDER BY h.hour_start) FILTER (WHERE h.total_volume IS NOT NULL))
            [count(h.total_volume)] AS total_volume,
        sum(h.observations)::integer AS observations,
        count(*) AS hours,
        count(*) FILTER (WHERE h.origin = 'snapshot') AS snapshot_hours,
        CASE
            WHEN bool_or(h.origin = 'snapshot') THEN 'snapshot'
            WHEN bool_or(h.origin = 'chart') THEN 'chart'
            ELSE 'import'
        END AS origin,
        min(h.hour_start) AS first_hour,
        max(h.hour_start) AS last_hour
    FROM pruned_fact_crypto_price_hourly AS h
    WHERE h.crypto_id = d.crypto_id AND h.vs_currency = d.vs_currency
        AND h.hour_start >= d.day_start AND h.hour_start < d.day_start + interval '24 hours'
    HAVING count(*) > 0
) AS h;

INSERT INTO analytics.fact_crypto_price_daily AS f (
    date_key, source_key, crypto_id, vs_currency, day, open_price, high_price, low_price, close_price,
    mean_price, market_cap, total_volume, observations, coverage_share, origin
)
SELECT
    to_char(day, 'YYYYMMDD')::integer, source_key, crypto_id, vs_currency, day, open_price,
    high_price, low_price, close_price, mean_price, market_cap, total_volume, observations,
    round(hours / 24.0, 4), origin
FROM day_candles
ORDER BY crypto_id, vs_currency, day
ON CONFLICT (crypto_id, vs_currency, day) DO UPDATE SET
    source_key = excluded.source_key,
    open_price = excluded.open_price,
    high_price = excluded.high_price,
    low_price = excluded.low_price,
    close_price = excluded.close_price,
    mean_price = excluded.mean_price,
    market_cap = excluded.market_cap,
    total_volume = excluded.total_volume,
    observations = excluded.observations,
    coverage_share = excluded.coverage_share,
    origin = excluded.origin,
    load_timestamp = statement_timestamp();

-- From when to when each series goes, which the gaps are told by.
INSERT INTO history_series AS s (
    crypto_id, vs_currency, first_day, last_day, first_hourly_day, in_snapshots, first_hour, last_hour
)
SELECT
    crypto_id, vs_currency, min(day), max(day), min(day) FILTER (WHERE snapshot_hours > 2),
    bool_or(snapshot_hours > 0), min(first_hour) FILTER (WHERE snapshot_hours > 2), max(last_hour)
FROM day_candles
GROUP BY crypto_id, vs_currency
ON CONFLICT (crypto_id, vs_currency) DO UPDATE SET
    first_day = least(s.first_day, excluded.first_day),
    last_day = greatest(s.last_day, excluded.last_day),
    first_hourly_day = least(s.first_hourly_day, excluded.first_hourly_day),
    in_snapshots = s.in_snapshots OR excluded.in_snapshots,
    first_hour = least(s.first_hour, excluded.first_hour),
    -- Of a last day that has no hours, only a daily point, there is none.
    last_hour = CASE
        WHEN excluded.last_day >= s.last_day THEN greatest(s.last_hour, excluded.last_hour)
        ELSE s.last_hour
    END
WHERE excluded.first_day < s.first_day OR excluded.last_day > s.last_day
    OR excluded.in_snapshots > s.in_snapshots
    OR excluded.first_hourly_day < coalesce(s.first_hourly_day, 'infinity')
    OR excluded.first_hour < coalesce(s.first_hour, 'infinity')
    OR excluded.last_day = s.last_day AND excluded.last_hour > coalesce(s.last_hour, '-infinity');
