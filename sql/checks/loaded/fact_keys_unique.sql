-- A month of the facts has no valid primary key, which would have refused a second fact of a coin in
-- one currency and time bucket.
SELECT i.inhrelid::regclass::text AS month
FROM pg_inherits AS i
WHERE i.inhparent = 'analytics.fact_crypto_price_metrics'::regclass
    AND NOT EXISTS (
        SELECT FROM pg_index AS x
        WHERE x.indrelid = i.inhrelid AND x.indisprimary AND x.indisvalid
    )
