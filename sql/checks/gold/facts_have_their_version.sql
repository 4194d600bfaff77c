-- A fact points at a version of the coin that is not the one valid at its time.
SELECT f.crypto_id, f.last_updated, c.crypto_id AS version_of, c.valid_from, c.valid_to
FROM scoped_batches AS b
JOIN pruned_fact_crypto_price_metrics AS f USING (batch_id)
JOIN analytics.dim_cryptocurrency AS c USING (crypto_key)
WHERE c.crypto_id <> f.crypto_id
    OR f.last_updated < c.valid_from OR f.last_updated >= c.valid_to
