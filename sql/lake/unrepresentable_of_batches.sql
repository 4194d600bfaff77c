-- The values of the facts of some batches that a lake's decimals cannot hold.
SELECT *
FROM lake.unrepresentable_values
WHERE batch_id = ANY (%(batches)s)
