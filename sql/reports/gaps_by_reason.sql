-- What is missing of the price history, by what is known of why.
SELECT
    grid, reason, count(DISTINCT (crypto_id, vs_currency)) AS series, count(*) AS gaps,
    sum(missing_points) AS missing, min(gap_start) AS first, max(gap_end) AS last
FROM analytics.v_gaps
GROUP BY grid, reason, is_explained
ORDER BY is_explained, grid, reason
