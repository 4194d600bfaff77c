-- What is missing of one coin in the days shown. For up to 31 days as analytics.v_gaps has it, with what
-- is known of why; beyond, the days without any price.
WITH newest AS (
    SELECT day
    FROM analytics.fact_crypto_price_daily
    WHERE crypto_id = :'coin' AND vs_currency = :'currency'
    ORDER BY day DESC
    LIMIT 1
),
missing AS (
    SELECT g.grid, g.gap_start, g.gap_end, g.missing_points, g.reason
    FROM newest AS n
    CROSS JOIN LATERAL gaps_between(
        (n.day + 1 - :'days'::integer)::timestamp AT TIME ZONE 'UTC',
        (n.day + 1)::timestamp AT TIME ZONE 'UTC'
    ) AS g
    WHERE :'days'::integer <= 31 AND g.crypto_id = :'coin' AND g.vs_currency = :'currency'
    UNION ALL
    SELECT
        'day', (f.day_before + 1)::timestamp AT TIME ZONE 'UTC', f.day::timestamp AT TIME ZONE 'UTC',
        f.day - f.day_before - 1, 'no price in these days'
    FROM (
        SELECT d.day, lag(d.day) OVER (ORDER BY d.day) AS day_before
        FROM analytics.fact_crypto_price_daily AS d
        WHERE :'days'::integer > 31 AND d.crypto_id = :'coin' AND d.vs_currency = :'currency'
            AND d.day > (SELECT n.day - :'days'::integer FROM newest AS n)
    ) AS f
    WHERE f.day - f.day_before > 1
)
SELECT * FROM missing ORDER BY gap_start DESC LIMIT 500
