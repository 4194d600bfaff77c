-- Coins from the same start: 100 at the first price shown, and how far each is below its highest since.
-- On full hours for up to 31 days, on days beyond.
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
prices AS (
    SELECT c.place, c.crypto_id, f.hour_start AS at, f.close_price
    FROM chosen AS c
    JOIN analytics.fact_crypto_price_hourly AS f
        ON f.crypto_id = c.crypto_id AND f.vs_currency = :'currency'
    WHERE :'days'::integer <= 31
        AND f.hour_start >= (
            SELECT (n.day + 1 - :'days'::integer)::timestamp AT TIME ZONE 'UTC' FROM newest AS n
        )
        -- A point every two hours is as fine as a screen shows a month.
        AND (:'days'::integer <= 7 OR extract(hour FROM f.hour_start AT TIME ZONE 'UTC')::integer % 2 = 0)
    UNION ALL
    SELECT c.place, c.crypto_id, f.day::timestamp AT TIME ZONE 'UTC', f.close_price
    FROM chosen AS c
    JOIN analytics.fact_crypto_price_daily AS f
        ON f.crypto_id = c.crypto_id AND f.vs_currency = :'currency'
    WHERE :'days'::integer > 31 AND f.day > (SELECT n.day - :'days'::integer FROM newest AS n)
)
SELECT
    p.at, p.crypto_id, coalesce(d.name, p.crypto_id) AS name, p.close_price,
    round(100 * p.close_price / first_value(p.close_price) OVER in_time, 4) AS indexed,
    round(100 * (p.close_price / max(p.close_price) OVER in_time - 1), 4) AS drawdown_pct
FROM prices AS p
LEFT JOIN analytics.dim_cryptocurrency AS d ON d.crypto_id = p.crypto_id AND d.is_current
WINDOW in_time AS (PARTITION BY p.place, p.crypto_id ORDER BY p.at)
ORDER BY p.place, p.at
