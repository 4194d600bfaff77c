SELECT {columns}
FROM unnest(%(coins)s::text[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
    AS c (crypto_id, first_snapshot, last_snapshot)
JOIN analytics.fact_crypto_price_metrics AS f
    ON f.crypto_id = c.crypto_id
    AND f.snapshot_time BETWEEN c.first_snapshot AND c.last_snapshot
ORDER BY f.snapshot_time, f.crypto_id, f.vs_currency
