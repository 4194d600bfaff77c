-- A late file can split a version, and so can another load while this one writes its facts: they then
-- point at a version that no longer covers them. This comes after the facts, so of two loads the
-- later one sees what both have done.
MERGE INTO {lake}.fact_crypto_price_metrics AS t
USING outdated_facts AS i
ON t.snapshot_month >= '{first_month}'
    AND t.snapshot_time >= CAST('{first_reassigned}+00' AS TIMESTAMP)
    AND t.snapshot_month = i.snapshot_month
    AND t.crypto_id = i.crypto_id
    AND t.vs_currency = i.vs_currency
    AND t.snapshot_time = i.snapshot_time
WHEN MATCHED THEN UPDATE SET crypto_key = i.crypto_key
