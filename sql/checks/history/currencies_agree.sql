-- a price that says another exchange rate between two currencies than the other coins of the hour, by more
-- than a twentieth
WITH pairs AS (
    SELECT
        f.hour_start, f.crypto_id, o.vs_currency,
        o.close_price::double precision / f.close_price::double precision AS rate
    FROM pruned_fact_crypto_price_hourly AS f
    JOIN pruned_fact_crypto_price_hourly AS o
        ON o.crypto_id = f.crypto_id AND o.hour_start = f.hour_start AND o.vs_currency <> f.vs_currency
    WHERE f.vs_currency = (SELECT min(vs_currency) FROM history_series)
        AND f.hour_start >= (SELECT range_start FROM check_scope)
        AND f.hour_start < (SELECT range_end FROM check_scope)
        AND o.hour_start >= (SELECT range_start FROM check_scope)
        AND o.hour_start < (SELECT range_end FROM check_scope)
),
usual AS (
    SELECT hour_start, vs_currency, percentile_cont(0.5) WITHIN GROUP (ORDER BY rate) AS rate
    FROM pairs GROUP BY hour_start, vs_currency
    HAVING count(*) >= 3
)
SELECT p.crypto_id, p.vs_currency, p.hour_start, p.rate, u.rate AS usual_rate
FROM pairs AS p JOIN usual AS u USING (hour_start, vs_currency)
WHERE abs(p.rate / u.rate - 1) > 0.05
