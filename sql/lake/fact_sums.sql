-- By month and batch: how many facts, which keys, and the sum of every column. OFFSET keeps the inner
-- query apart, so that each measure is made to fit once, and not again in every sum that has it.
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
    sum((extract(epoch FROM f.last_updated) * 1000000)::bigint) AS last_updated,
    sum(f.measures_known) - sum(num_nonnulls({measures})) AS unfit_values,
    {sums}
FROM (
    SELECT
        f.crypto_id, f.vs_currency, f.snapshot_time, f.last_updated, f.batch_id,
        {integers},
        num_nonnulls({measures}) AS measures_known,
        {fits}
    FROM analytics.fact_crypto_price_metrics AS f
    WHERE %(batches)s::bigint[] IS NULL OR f.batch_id = ANY (%(batches)s)
    OFFSET 0
) AS f
GROUP BY 1, 2
