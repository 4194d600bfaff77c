SELECT s.*, w.source
FROM {lake}.price_snapshots AS s
JOIN pending_batches AS w ON w.batch_id = s.batch_id
WHERE s.batch_id BETWEEN {first_batch} AND {last_batch}
