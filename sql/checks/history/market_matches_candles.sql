-- a day whose market is not made of all its candles
SELECT f.vs_currency, f.day, f.coins, m.coins AS coins_in_market, f.market_cap, m.market_cap AS cap_in_market
FROM (
    SELECT
        d.vs_currency, d.day, count(*) AS coins, sum(d.market_cap) AS market_cap,
        sum(d.total_volume) AS total_volume, max(d.load_timestamp) AS written_at
    FROM analytics.fact_crypto_price_daily AS d
    WHERE d.day >= (SELECT (range_start AT TIME ZONE 'UTC')::date FROM check_scope)
        AND d.day <= (SELECT (range_end AT TIME ZONE 'UTC')::date FROM check_scope)
    GROUP BY d.vs_currency, d.day
) AS f
JOIN mart_progress AS p ON p.made_of = 'fact_crypto_price_daily' AND f.written_at <= p.loaded_until
LEFT JOIN analytics.mart_market_daily AS m ON m.vs_currency = f.vs_currency AND m.day = f.day
WHERE (m.coins::bigint, m.market_cap, m.total_volume)
    IS DISTINCT FROM (f.coins, f.market_cap, f.total_volume)
