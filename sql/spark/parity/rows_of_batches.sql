-- The facts of the batches that are compared, or the unrepresentable values.
SELECT t.*
FROM {lake}.{table} AS t
JOIN compared_batches AS b ON b.batch_id = t.batch_id
WHERE t.batch_id BETWEEN {first_batch} AND {last_batch}
