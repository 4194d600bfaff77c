-- A month of price_snapshots has no valid primary key, which would have refused a second snapshot of a
-- coin in one currency and time bucket.
SELECT i.inhrelid::regclass::text AS month
FROM pg_inherits AS i
WHERE i.inhparent = 'price_snapshots'::regclass
    AND NOT EXISTS (
        SELECT FROM pg_index AS x
        WHERE x.indrelid = i.inhrelid AND x.indisprimary AND x.indisvalid
    )
