-- Every fact has its price, unless that is a value its decimal type cannot hold.
SELECT f.crypto_id, f.vs_currency, f.snapshot_time
FROM {lake}.fact_crypto_price_metrics AS f
LEFT ANTI JOIN {lake}.unrepresentable_values AS u
    ON u.table_name = 'fact_crypto_price_metrics'
    AND u.column_name = 'current_price'
    AND u.crypto_id = f.crypto_id
    AND u.vs_currency = f.vs_currency
    AND u.snapshot_time = f.snapshot_time
WHERE f.current_price IS NULL
