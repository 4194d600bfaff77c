-- What is missing of one coin in the days shown, with what is known of why: analytics.v_gaps, for a range.
WITH newest AS (
    SELECT (day + 1)::timestamp AT TIME ZONE 'UTC' AS range_end
    FROM analytics.fact_crypto_price_daily
    WHERE crypto_id = :'coin' AND vs_currency = :'currency'
    ORDER BY day DESC
    LIMIT 1
)
SELECT g.grid, g.gap_start, g.gap_end, g.missing_points, g.reason, g.is_explained
FROM newest AS n
CROSS JOIN LATERAL gaps_between(n.range_end - :'days'::integer * interval '24 hours', n.range_end) AS g
WHERE g.crypto_id = :'coin' AND g.vs_currency = :'currency'
ORDER BY g.gap_start DESC
LIMIT 500
