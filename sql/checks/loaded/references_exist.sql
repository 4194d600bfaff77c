-- A month of price_snapshots lacks a valid foreign key to the coins or to their names, which would have
-- refused a snapshot of one that is not there.
SELECT i.inhrelid::regclass::text AS month, target::text AS refers_to
FROM pg_inherits AS i
CROSS JOIN unnest('{cryptocurrencies,cryptocurrency_names}'::regclass[]) AS target
WHERE i.inhparent = 'price_snapshots'::regclass
    AND NOT EXISTS (
        SELECT FROM pg_constraint AS c
        WHERE c.conrelid = i.inhrelid
            AND c.contype = 'f'
            AND c.convalidated
            AND c.confrelid = target
    )
