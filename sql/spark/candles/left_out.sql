-- How unrepresentable_values is to change: what the decimals of the changed candles cannot hold, as far as
-- it is not there, and what is there and is no more.
WITH wanted AS (
    SELECT
        table_name, crypto_id, vs_currency, start AS snapshot_time,
        value.column_name, value.exact_value, value.reason
    FROM (
        SELECT table_name, crypto_id, vs_currency, start, explode(unrepresentable) AS value
        FROM {candles}
        WHERE unrepresentable IS NOT NULL
    ) AS exploded
),
present AS (
    SELECT u.*
    FROM {lake}.unrepresentable_values AS u
    JOIN {candles} AS c
        ON c.table_name = u.table_name AND c.crypto_id = u.crypto_id
        AND c.vs_currency = u.vs_currency AND c.start = u.snapshot_time
)
SELECT w.*, CAST(-1 AS BIGINT) AS batch_id, false AS gone
FROM wanted AS w
LEFT ANTI JOIN present AS p
    ON p.table_name = w.table_name AND p.crypto_id = w.crypto_id
    AND p.vs_currency = w.vs_currency AND p.snapshot_time = w.snapshot_time
    AND p.column_name = w.column_name AND p.exact_value = w.exact_value
UNION ALL
SELECT
    p.table_name, p.crypto_id, p.vs_currency, p.snapshot_time, p.column_name, p.exact_value,
    p.reason, p.batch_id, true AS gone
FROM present AS p
LEFT ANTI JOIN wanted AS w
    ON w.table_name = p.table_name AND w.crypto_id = p.crypto_id
    AND w.vs_currency = p.vs_currency AND w.snapshot_time = p.snapshot_time
    AND w.column_name = p.column_name
