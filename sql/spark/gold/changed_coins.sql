-- The coins of which some snapshots say something that the dimension does not say, and the first such
-- snapshot of each. The unknown member is one of them where it is missing.
SELECT w.crypto_id, CAST(min(w.snapshot_time) AS STRING) AS first_change
FROM {snapshots} AS w
LEFT ANTI JOIN {lake}.dim_cryptocurrency AS d
    ON d.crypto_id = w.crypto_id AND d.symbol = w.symbol AND d.name = w.name
    AND d.valid_from <= w.last_updated AND w.last_updated < d.valid_to
GROUP BY w.crypto_id
UNION ALL
SELECT m.crypto_id, '9999-12-31 00:00:00' AS first_change
FROM (SELECT '(unknown)' AS crypto_id) AS m
LEFT ANTI JOIN {lake}.dim_cryptocurrency AS d ON d.crypto_id = m.crypto_id
