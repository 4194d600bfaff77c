-- As fact_sums.sql, for tables that Spark has loaded: their surrogate keys are others, so the keys
-- of coins and sources count as what they stand for.
SELECT
    to_char(f.snapshot_time AT TIME ZONE 'UTC', 'YYYY-MM') AS snapshot_month,
    f.batch_id,
    count(*) AS facts,
    sum((
        'x' || left(md5(concat_ws(
            ' ', f.crypto_id, f.vs_currency,
            (extract(epoch FROM f.snapshot_time) * 1000000)::bigint
        )), 15)
    )::bit(60)::bigint) AS keys,
    sum((
        'x' || left(md5(concat_ws(' ', c.crypto_id, c.symbol, c.name)), 15)
    )::bit(60)::bigint) AS versions,
    sum(('x' || left(md5(coalesce(s.source, '')), 15))::bit(60)::bigint) AS sources,
    sum((extract(epoch FROM f.last_updated) * 1000000)::bigint) AS last_updated,
    sum(f.measures_known) - sum(num_nonnulls({measures})) AS unfit_values,
    {sums}
FROM (
    SELECT
        f.crypto_id, f.vs_currency, f.snapshot_time, f.last_updated, f.batch_id,
        f.crypto_key, f.source_key,
        {integers},
        num_nonnulls({measures}) AS measures_known,
        {fits}
    FROM analytics.fact_crypto_price_metrics AS f
    WHERE f.batch_id = ANY (%(batches)s)
    OFFSET 0
) AS f
LEFT JOIN analytics.dim_cryptocurrency AS c USING (crypto_key)
LEFT JOIN analytics.dim_source AS s USING (source_key)
GROUP BY 1, 2
