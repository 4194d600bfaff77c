-- Gold and silver do not hold the same rows.
SELECT
    crypto_id, vs_currency, snapshot_time,
    s.batch_id AS silver_batch, f.batch_id AS gold_batch
FROM (
    SELECT s.* FROM differing_batches AS b JOIN pruned_price_snapshots AS s USING (batch_id)
    WHERE b.status = 'completed'
) AS s
FULL JOIN (
    SELECT f.* FROM differing_batches JOIN pruned_fact_crypto_price_metrics AS f USING (batch_id)
) AS f USING (crypto_id, vs_currency, snapshot_time)
WHERE s.batch_id IS DISTINCT FROM f.batch_id
