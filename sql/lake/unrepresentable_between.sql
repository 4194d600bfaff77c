-- The values of the facts of some days that a lake's decimals cannot hold.
SELECT *
FROM lake.unrepresentable_values
WHERE snapshot_time >= %(start)s AND snapshot_time < %(end)s
