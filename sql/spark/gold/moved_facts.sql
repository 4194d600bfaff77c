-- A late file can split a version: facts loaded before then point at a version that no longer covers
-- them. Looked for among the coins of the waiting batches, so a load that died finds them again.
MERGE INTO {lake}.fact_crypto_price_metrics AS t
USING (
    SELECT
        f.crypto_id, f.vs_currency, f.snapshot_time, f.snapshot_month, covering.crypto_key
    FROM (
        SELECT crypto_id
        FROM {lake}.dim_cryptocurrency
        WHERE crypto_id IN (SELECT crypto_id FROM waiting_snapshots)
        GROUP BY crypto_id
        HAVING count(*) > 1
    ) AS c
    JOIN {lake}.fact_crypto_price_metrics AS f ON f.crypto_id = c.crypto_id
    JOIN {lake}.dim_cryptocurrency AS covering
        ON covering.crypto_id = f.crypto_id
        AND covering.valid_from <= f.last_updated AND f.last_updated < covering.valid_to
    WHERE f.crypto_key <> covering.crypto_key
) AS i
ON t.snapshot_month = i.snapshot_month
    AND t.crypto_id = i.crypto_id
    AND t.vs_currency = i.vs_currency
    AND t.snapshot_time = i.snapshot_time
WHEN MATCHED THEN UPDATE SET crypto_key = i.crypto_key
