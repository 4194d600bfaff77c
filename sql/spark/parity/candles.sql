-- The candles of a month, with the source of their first price.
SELECT c.*, s.source_name
FROM {lake}.{table} AS c
LEFT JOIN {lake}.dim_source AS s ON s.source_key = c.source_key
WHERE {month} = '{of}'
