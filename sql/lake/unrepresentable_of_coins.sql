-- The values of the facts of some coins, each between two times, that a lake's decimals cannot hold.
SELECT u.*
FROM unnest(%(coins)s::text[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
    AS c (crypto_id, first_snapshot, last_snapshot)
JOIN lake.unrepresentable_values AS u
    ON u.crypto_id = c.crypto_id
    AND u.snapshot_time BETWEEN c.first_snapshot AND c.last_snapshot
