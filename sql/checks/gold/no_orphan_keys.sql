-- A fact points at no row of a dimension, or at its unknown member.
SELECT f.crypto_id, f.snapshot_time, f.date_key, f.time_key, f.crypto_key, f.source_key
FROM scoped_batches AS b
JOIN pruned_fact_crypto_price_metrics AS f USING (batch_id)
LEFT JOIN analytics.dim_date AS d USING (date_key)
LEFT JOIN analytics.dim_time AS t USING (time_key)
LEFT JOIN analytics.dim_cryptocurrency AS c ON c.crypto_key = f.crypto_key AND c.crypto_key <> -1
LEFT JOIN analytics.dim_source AS o ON o.source_key = f.source_key AND o.source_key <> -1
WHERE num_nulls(d.date_key, t.time_key, c.crypto_key, o.source_key) > 0
