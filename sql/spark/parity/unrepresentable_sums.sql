SELECT date_format(u.snapshot_time, 'yyyy-MM') AS snapshot_month, u.batch_id, count(*) AS unrepresentable
FROM {lake}.unrepresentable_values AS u
JOIN compared_batches AS b ON b.batch_id = u.batch_id
WHERE u.batch_id BETWEEN {first_batch} AND {last_batch}
GROUP BY date_format(u.snapshot_time, 'yyyy-MM'), u.batch_id
