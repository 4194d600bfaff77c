-- a coin that a list has twice at a time
SELECT crypto_id, is_active, sum(upper(period) - lower(period)) AS listed_for
FROM (
    SELECT
        l.crypto_id, l.is_active, t.period,
        max(coalesce(upper(t.period), 'infinity')) OVER (
            PARTITION BY l.crypto_id, l.is_active ORDER BY lower(t.period), coalesce(upper(t.period), 'infinity')
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS taken_until
    FROM coin_listings AS l CROSS JOIN unnest(l.listed_during) AS t (period)
) AS listed
WHERE lower(period) < taken_until
GROUP BY crypto_id, is_active
