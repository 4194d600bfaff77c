-- a day with hours whose candle is not made of all of them
SELECT h.crypto_id, h.vs_currency, h.day, h.hours, f.coverage_share
FROM (
    SELECT
        crypto_id, vs_currency, (day_floor(hour_start) AT TIME ZONE 'UTC')::date AS day,
        count(*) AS hours, sum(observations) AS observations,
        max(high_price) AS high_price, min(low_price) AS low_price
    FROM pruned_fact_crypto_price_hourly
    WHERE hour_start >= (SELECT day_floor(range_start) FROM check_scope)
        AND hour_start < (SELECT day_floor(range_end) + interval '24 hours' FROM check_scope)
    GROUP BY crypto_id, vs_currency, day_floor(hour_start)
) AS h
LEFT JOIN (
    SELECT * FROM analytics.fact_crypto_price_daily
    WHERE day >= (SELECT (range_start AT TIME ZONE 'UTC')::date FROM check_scope)
        AND day <= (SELECT (range_end AT TIME ZONE 'UTC')::date FROM check_scope)
) AS f USING (crypto_id, vs_currency, day)
WHERE (f.coverage_share, f.observations::bigint, f.high_price, f.low_price)
    IS DISTINCT FROM (round(h.hours / 24.0, 4), h.observations, h.high_price, h.low_price)
