-- The values of facts that their decimal types cannot hold.
MERGE INTO {lake}.unrepresentable_values AS t
USING (
    SELECT
        'fact_crypto_price_metrics' AS table_name,
        crypto_id, vs_currency, snapshot_time,
        value.column_name, value.exact_value, value.reason,
        batch_id
    FROM (
        SELECT crypto_id, vs_currency, snapshot_time, batch_id, explode(unrepresentable) AS value
        FROM pending_snapshots
        WHERE unrepresentable IS NOT NULL
    ) AS exploded
) AS i
ON t.table_name = i.table_name
    AND t.crypto_id = i.crypto_id
    AND t.vs_currency = i.vs_currency
    AND t.snapshot_time = i.snapshot_time
    AND t.column_name = i.column_name
WHEN NOT MATCHED THEN INSERT *
