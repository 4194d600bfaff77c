-- The records that load: those of batches that do, as far as they break no reject rule.
SELECT r.*, b.batch_id, date_format(r.snapshot_time, 'yyyy-MM') AS snapshot_month
FROM {records} AS r
JOIN {lake}.ingestion_batches AS b ON b.landing_file = r.landing_file
WHERE size(r.rejected_by) = 0 AND b.status = 'loading'
