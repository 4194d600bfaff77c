-- Which batches the facts with these keys come from.
SELECT f.crypto_id, f.vs_currency, f.snapshot_time, b.landing_file
FROM unnest(%(coins)s::text[], %(currencies)s::text[], %(times)s::timestamptz[])
    AS k (crypto_id, vs_currency, snapshot_time)
JOIN analytics.fact_crypto_price_metrics AS f USING (crypto_id, vs_currency, snapshot_time)
JOIN ingestion_batches AS b USING (batch_id)
