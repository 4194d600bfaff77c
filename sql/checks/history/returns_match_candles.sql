-- an hour whose 1-hour or 24-hour return is not that of its candles
-- Where both candles are the coin's own, and the marts have them.
SELECT
    f.crypto_id, f.vs_currency, f.hour_start, r.simple_return_1h, r.simple_return_24h,
    h.close_price AS close_1h_before, d.close_price AS close_24h_before, f.close_price
FROM pruned_fact_crypto_price_hourly AS f
CROSS JOIN (
    SELECT loaded_until FROM mart_progress WHERE made_of = 'fact_crypto_price_hourly'
) AS p
LEFT JOIN pruned_fact_crypto_price_hourly AS h
    ON h.crypto_id = f.crypto_id AND h.vs_currency = f.vs_currency
    AND h.hour_start = f.hour_start - interval '1 hour' AND h.load_timestamp <= p.loaded_until
LEFT JOIN pruned_fact_crypto_price_hourly AS d
    ON d.crypto_id = f.crypto_id AND d.vs_currency = f.vs_currency
    AND d.hour_start = f.hour_start - interval '24 hours' AND d.load_timestamp <= p.loaded_until
LEFT JOIN analytics.mart_returns_hourly AS r
    ON r.crypto_id = f.crypto_id AND r.vs_currency = f.vs_currency AND r.hour_start = f.hour_start
    AND r.hour_start >= (SELECT range_start FROM check_scope)
    AND r.hour_start < (SELECT range_end FROM check_scope)
WHERE f.hour_start >= (SELECT range_start FROM check_scope)
    AND f.hour_start < (SELECT range_end FROM check_scope)
    AND f.load_timestamp <= p.loaded_until
    AND (
        r.crypto_id IS NULL
        OR abs(r.simple_return_1h - (to_double(f.close_price / h.close_price) - 1)) > 1e-9
        OR abs(r.simple_return_24h - (to_double(f.close_price / d.close_price) - 1)) > 1e-9
        OR r.simple_return_1h IS NULL AND to_double(f.close_price / h.close_price) IS NOT NULL
        OR r.simple_return_24h IS NULL AND to_double(f.close_price / d.close_price) IS NOT NULL
    )
