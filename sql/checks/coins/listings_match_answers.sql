-- a list of coins of which another number of coins is listed at its time
SELECT b.landing_file, b.coins_listed, coalesce(l.listed, 0) AS listed
FROM (
    SELECT DISTINCT ON (is_active) is_active, landing_file, coins_listed, ingested_at
    FROM coin_list_batches
    WHERE status = 'completed'
    ORDER BY is_active, ingested_at DESC, landing_file DESC
) AS b
LEFT JOIN (
    SELECT is_active, count(*) AS listed FROM coin_listings
    WHERE upper_inf(listed_during) GROUP BY is_active
) AS l USING (is_active)
WHERE b.coins_listed <> coalesce(l.listed, 0)
