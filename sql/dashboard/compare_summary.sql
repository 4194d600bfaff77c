-- Each coin over the days shown: return, volatility (standard deviation of daily log returns, times the
-- root of 365, in percent), deepest drawdown on daily closes, best and worst day.
WITH chosen AS (
    SELECT crypto_id, place FROM unnest(string_to_array(:'coins', ',')) WITH ORDINALITY AS t (crypto_id, place)
),
newest AS (
    SELECT max(n.day) AS day
    FROM chosen AS c
    CROSS JOIN LATERAL (
        SELECT f.day
        FROM analytics.fact_crypto_price_daily AS f
        WHERE f.crypto_id = c.crypto_id AND f.vs_currency = :'currency'
        ORDER BY f.day DESC
        LIMIT 1
    ) AS n
),
closes AS (
    SELECT
        c.place, c.crypto_id, f.day, f.close_price,
        first_value(f.close_price) OVER in_time AS first_close,
        max(f.close_price) OVER in_time AS highest,
        CASE WHEN lag(f.day) OVER in_time = f.day - 1
            THEN f.close_price / lag(f.close_price) OVER in_time END AS ratio
    FROM chosen AS c
    JOIN analytics.fact_crypto_price_daily AS f
        ON f.crypto_id = c.crypto_id AND f.vs_currency = :'currency'
    WHERE f.day >= (SELECT n.day - :'days'::integer FROM newest AS n)
    WINDOW in_time AS (PARTITION BY c.place ORDER BY f.day)
)
SELECT
    c.crypto_id, coalesce(d.name, c.crypto_id) AS name, d.symbol,
    (array_agg(c.close_price ORDER BY c.day DESC))[1] AS price,
    round(100 * ((array_agg(c.close_price / c.first_close ORDER BY c.day DESC))[1] - 1), 4) AS return_pct,
    round((100 * stddev_samp(ln(c.ratio)::double precision) * sqrt(365))::numeric, 2) AS volatility_pct,
    round(100 * min(c.close_price / c.highest - 1), 4) AS max_drawdown_pct,
    round(100 * (max(c.ratio) - 1), 4) AS best_day_pct,
    round(100 * (min(c.ratio) - 1), 4) AS worst_day_pct,
    count(*) AS days
FROM closes AS c
LEFT JOIN analytics.dim_cryptocurrency AS d ON d.crypto_id = c.crypto_id AND d.is_current
GROUP BY c.place, c.crypto_id, d.name, d.symbol
ORDER BY c.place
