-- The facts of some coins, each between two times.
SELECT f.*
FROM unnest(%(coins)s::text[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
    AS c (crypto_id, first_snapshot, last_snapshot)
JOIN lake.facts AS f
    ON f.crypto_id = c.crypto_id
    AND f.snapshot_time BETWEEN c.first_snapshot AND c.last_snapshot
ORDER BY f.snapshot_time, f.crypto_id, f.vs_currency
