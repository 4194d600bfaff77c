-- Share of the five largest coins, by their newest day, in the capitalisation of all, by day.
WITH newest AS (
    SELECT day
    FROM analytics.fact_crypto_price_daily
    WHERE vs_currency = :'currency'
    ORDER BY day DESC
    LIMIT 1
),
largest AS MATERIALIZED (
    SELECT f.crypto_id, row_number() OVER (ORDER BY f.market_cap DESC, f.crypto_id) AS cap_rank
    FROM newest AS n
    JOIN analytics.fact_crypto_price_daily AS f ON f.vs_currency = :'currency' AND f.day = n.day
    WHERE f.market_cap > 0
    ORDER BY f.market_cap DESC, f.crypto_id
    LIMIT 5
),
totals AS MATERIALIZED (
    SELECT f.day, sum(f.market_cap) AS market_cap
    FROM analytics.fact_crypto_price_daily AS f
    WHERE f.vs_currency = :'currency' AND f.market_cap > 0
        AND f.day > (SELECT n.day - :'days'::integer FROM newest AS n)
    GROUP BY f.day
),
shares AS MATERIALIZED (
    SELECT t.day, l.cap_rank, l.crypto_id, f.market_cap / t.market_cap AS share
    FROM largest AS l
    JOIN analytics.fact_crypto_price_daily AS f
        ON f.crypto_id = l.crypto_id AND f.vs_currency = :'currency'
            AND f.day > (SELECT n.day - :'days'::integer FROM newest AS n)
    JOIN totals AS t USING (day)
    WHERE f.market_cap > 0
),
all_shares AS (
    SELECT * FROM shares
    UNION ALL
    SELECT t.day, 6, '(others)', 1 - coalesce(s.share, 0)
    FROM totals AS t
    LEFT JOIN (SELECT day, sum(share) AS share FROM shares GROUP BY day) AS s USING (day)
)
SELECT s.day, s.crypto_id, coalesce(c.name, 'Others') AS name, round(100 * s.share, 4) AS share_pct
FROM all_shares AS s
LEFT JOIN analytics.dim_cryptocurrency AS c ON c.crypto_id = s.crypto_id AND c.is_current
ORDER BY s.cap_rank, s.day
