MERGE INTO {lake}.unrepresentable_values AS t
USING left_out AS i
ON t.table_name = i.table_name
    AND t.crypto_id = i.crypto_id
    AND t.vs_currency = i.vs_currency
    AND t.snapshot_time = i.snapshot_time
    AND t.column_name = i.column_name
WHEN MATCHED AND i.gone THEN DELETE
WHEN MATCHED AND NOT i.gone THEN UPDATE SET exact_value = i.exact_value, reason = i.reason
WHEN NOT MATCHED AND NOT i.gone THEN INSERT (
    table_name, crypto_id, vs_currency, snapshot_time, column_name, exact_value, reason, batch_id
) VALUES (
    i.table_name, i.crypto_id, i.vs_currency, i.snapshot_time, i.column_name, i.exact_value,
    i.reason, i.batch_id
)
