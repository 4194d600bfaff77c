-- What became of the staged files that had records waiting.
SELECT
    f.landing_file,
    f.partition_hour,
    count(*) AS waited,
    count(*) FILTER (WHERE r.resolved_at IS NULL) AS waiting,
    count(*) FILTER (WHERE c.corrected_by IS NOT NULL) AS corrected,
    coalesce(max(p.loaded), 0) AS loaded,
    coalesce(max(p.duplicate), 0) AS duplicate,
    coalesce(max(p.displaced), 0) AS displaced,
    b.error
FROM waiting_records AS w
JOIN staged_files AS f USING (file_id)
JOIN ingestion_batches AS b USING (batch_id)
JOIN rejected_records AS r USING (batch_id, record_index)
LEFT JOIN corrected_records AS c USING (batch_id, record_index)
LEFT JOIN (
    SELECT
        batch_id,
        count(*) FILTER (WHERE takes_bucket) AS loaded,
        count(*) FILTER (WHERE NOT takes_bucket) AS duplicate,
        count(*) FILTER (WHERE takes_bucket AND held_by IS NOT NULL) AS displaced
    FROM replayed_records GROUP BY batch_id
) AS p USING (batch_id)
GROUP BY f.landing_file, f.partition_hour, b.batch_id, b.error
ORDER BY b.batch_id
