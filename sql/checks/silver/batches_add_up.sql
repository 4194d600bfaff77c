-- A batch says another number of records than the tables hold, less what retention dropped.
SELECT
    b.landing_file, b.records_loaded, b.records_retired, s.snapshots,
    b.records_rejected, r.rejected
FROM scoped_batches
JOIN ingestion_batches AS b USING (batch_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS snapshots FROM pruned_price_snapshots AS s WHERE s.batch_id = b.batch_id
) AS s
CROSS JOIN LATERAL (
    SELECT count(*) AS rejected FROM rejected_records AS r
    WHERE r.batch_id = b.batch_id AND r.resolved_batch_id IS DISTINCT FROM b.batch_id
) AS r
WHERE b.records_loaded - b.records_retired <> s.snapshots OR b.records_rejected <> r.rejected
