-- What is missing of the price history in the days shown, the last 31 at most, by what is known of why.
WITH newest AS (
    SELECT (day + 1)::timestamp AT TIME ZONE 'UTC' AS range_end
    FROM analytics.fact_crypto_price_daily
    ORDER BY day DESC
    LIMIT 1
)
SELECT
    g.grid, g.reason, g.is_explained, count(DISTINCT (g.crypto_id, g.vs_currency)) AS series,
    count(*) AS gaps, sum(g.missing_points) AS missing_points, min(g.gap_start) AS first_missing,
    max(g.gap_end) AS last_missing
FROM newest AS n
CROSS JOIN LATERAL gaps_between(
    n.range_end - least(:'days'::integer, 31) * interval '24 hours', n.range_end
) AS g
GROUP BY g.grid, g.reason, g.is_explained
ORDER BY g.is_explained, g.grid DESC, g.reason
