-- a coin whose price has not changed at all in the last day, though it is said to be traded
-- In a check of all hours, the newest day.
SELECT f.crypto_id, f.vs_currency, min(f.close_price) AS price, count(*) AS hours
FROM pruned_fact_crypto_price_hourly AS f
WHERE f.hour_start >= greatest(
        (SELECT range_start FROM check_scope),
        (SELECT (max(last_day))::timestamp AT TIME ZONE 'UTC' FROM history_series)
            - interval '24 hours'
    )
    AND f.hour_start < (SELECT range_end FROM check_scope)
GROUP BY f.crypto_id, f.vs_currency
HAVING count(*) >= 20 AND min(f.low_price) = max(f.high_price) AND max(f.total_volume) > 0
