-- Candles of one coin: of 4 hours for up to 31 days, of a day for up to a year, of a week beyond. Market
-- cap and volume (of the 24 hours before) are the last ones known of the candle.
WITH newest AS (
    SELECT day
    FROM analytics.fact_crypto_price_daily
    WHERE crypto_id = :'coin' AND vs_currency = :'currency'
    ORDER BY day DESC
    LIMIT 1
),
prices AS (
    SELECT
        date_bin('4 hours', f.hour_start, timestamptz '2000-01-01 00:00:00+00') AS candle_start,
        f.hour_start AS at, f.open_price, f.high_price, f.low_price, f.close_price, f.market_cap,
        f.total_volume, f.observations
    FROM analytics.fact_crypto_price_hourly AS f
    WHERE :'days'::integer <= 31
        AND f.crypto_id = :'coin' AND f.vs_currency = :'currency'
        AND f.hour_start >= (
            SELECT (n.day + 1 - :'days'::integer)::timestamp AT TIME ZONE 'UTC' FROM newest AS n
        )
    UNION ALL
    SELECT
        date_bin(
            CASE WHEN :'days'::integer <= 366 THEN interval '1 day' ELSE interval '7 days' END,
            f.day::timestamp AT TIME ZONE 'UTC',
            -- A Monday.
            timestamptz '2000-01-03 00:00:00+00'
        ),
        f.day::timestamp AT TIME ZONE 'UTC', f.open_price, f.high_price, f.low_price, f.close_price,
        f.market_cap, f.total_volume, f.observations
    FROM analytics.fact_crypto_price_daily AS f
    WHERE :'days'::integer > 31
        AND f.crypto_id = :'coin' AND f.vs_currency = :'currency'
        AND f.day > (SELECT n.day - :'days'::integer FROM newest AS n)
)
SELECT
    candle_start,
    (array_agg(open_price ORDER BY at))[1] AS open_price,
    max(high_price) AS high_price,
    min(low_price) AS low_price,
    (array_agg(close_price ORDER BY at DESC))[1] AS close_price,
    (array_agg(market_cap ORDER BY at DESC))[1] AS market_cap,
    (array_agg(total_volume ORDER BY at DESC))[1] AS total_volume,
    sum(observations) AS observations
FROM prices
GROUP BY candle_start
ORDER BY candle_start
