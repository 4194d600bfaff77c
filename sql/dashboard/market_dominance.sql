-- Share of the five largest coins, by their newest day, in the capitalisation of all, by day.
WITH days AS MATERIALIZED (
    SELECT day, crypto_id, market_cap
    FROM analytics.fact_crypto_price_daily
    WHERE vs_currency = :'currency' AND market_cap > 0
        AND day > (
            SELECT max(day) - :'days'::integer FROM analytics.fact_crypto_price_daily
        )
),
largest AS (
    SELECT d.crypto_id, row_number() OVER (ORDER BY d.market_cap DESC, d.crypto_id) AS cap_rank
    FROM days AS d
    WHERE d.day = (SELECT max(day) FROM days)
    ORDER BY d.market_cap DESC, d.crypto_id
    LIMIT 5
),
totals AS (SELECT day, sum(market_cap) AS market_cap FROM days GROUP BY day),
shares AS (
    SELECT d.day, l.cap_rank, l.crypto_id, d.market_cap / t.market_cap AS share
    FROM days AS d
    JOIN largest AS l USING (crypto_id)
    JOIN totals AS t USING (day)
    UNION ALL
    SELECT t.day, 6, '(others)', 1 - coalesce(sum(d.market_cap), 0) / t.market_cap
    FROM totals AS t
    LEFT JOIN days AS d ON d.day = t.day AND d.crypto_id IN (SELECT crypto_id FROM largest)
    GROUP BY t.day, t.market_cap
)
SELECT s.day, s.crypto_id, coalesce(c.name, 'Others') AS name, round(100 * s.share, 4) AS share_pct
FROM shares AS s
LEFT JOIN analytics.dim_cryptocurrency AS c ON c.crypto_id = s.crypto_id AND c.is_current
ORDER BY s.cap_rank, s.day
