-- A month of market_metrics has no valid foreign key to the snapshots, which would have refused metrics
-- without one.
SELECT i.inhrelid::regclass::text AS month
FROM pg_inherits AS i
WHERE i.inhparent = 'market_metrics'::regclass
    AND NOT EXISTS (
        SELECT FROM pg_constraint AS c
        WHERE c.conrelid = i.inhrelid
            AND c.contype = 'f'
            AND c.convalidated
            AND c.confrelid = 'price_snapshots'::regclass
    )
