-- sql/lake/fact_sums_of_spark.sql, for the other side. The casts to STRING are for Sail 0.7, whose
-- conv() knows one of its types of text only.
SELECT
    snapshot_month,
    batch_id,
    count(*) AS facts,
    sum(CAST(conv(CAST(left(md5(key), 15) AS STRING), 16, 10) AS DECIMAL(20, 0))) AS keys,
    sum(CAST(conv(CAST(left(md5(version), 15) AS STRING), 16, 10) AS DECIMAL(20, 0))) AS versions,
    sum(CAST(conv(CAST(left(md5(source), 15) AS STRING), 16, 10) AS DECIMAL(20, 0))) AS sources,
    sum(CAST(unix_micros(last_updated) AS DECIMAL(20, 0))) AS last_updated,
    {sums}
FROM (
    SELECT
        f.*,
        concat_ws(
            ' ', f.crypto_id, f.vs_currency, CAST(unix_micros(f.snapshot_time) AS STRING)
        ) AS key,
        concat_ws(' ', c.crypto_id, c.symbol, c.name) AS version,
        coalesce(s.source_name, '') AS source
    FROM {lake}.fact_crypto_price_metrics AS f
    JOIN compared_batches AS b ON b.batch_id = f.batch_id
    LEFT JOIN {lake}.dim_cryptocurrency AS c ON c.crypto_key = f.crypto_key
    LEFT JOIN {lake}.dim_source AS s ON s.source_key = f.source_key
    WHERE f.batch_id BETWEEN {first_batch} AND {last_batch}
) AS facts
GROUP BY snapshot_month, batch_id
