-- What the candles come to, by month.
SELECT {month} AS snapshot_month, count(*) AS candles, {sums}
FROM {lake}.{table} AS c
GROUP BY {month}
