-- Pearson's correlation of daily log returns, for every pair of the coins: ln(close / close of the day
-- before); a day after a gap has none. Statistics, in double precision.
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
        lag(f.close_price) OVER in_time AS close_before, lag(f.day) OVER in_time AS day_before
    FROM chosen AS c
    JOIN analytics.fact_crypto_price_daily AS f
        ON f.crypto_id = c.crypto_id AND f.vs_currency = :'currency'
    WHERE f.day >= (SELECT n.day - :'days'::integer FROM newest AS n)
    WINDOW in_time AS (PARTITION BY c.place ORDER BY f.day)
),
returns AS (
    SELECT place, crypto_id, day, ln(close_price / close_before)::double precision AS log_return
    FROM closes
    WHERE day_before = day - 1
)
SELECT
    a.crypto_id, coalesce(da.name, a.crypto_id) AS name, b.crypto_id AS other_id,
    coalesce(db.name, b.crypto_id) AS other_name,
    round(corr(a.log_return, b.log_return)::numeric, 4) AS correlation, count(*) AS days
FROM returns AS a
JOIN returns AS b USING (day)
LEFT JOIN analytics.dim_cryptocurrency AS da ON da.crypto_id = a.crypto_id AND da.is_current
LEFT JOIN analytics.dim_cryptocurrency AS db ON db.crypto_id = b.crypto_id AND db.is_current
GROUP BY a.place, b.place, a.crypto_id, b.crypto_id, da.name, db.name
ORDER BY a.place, b.place
