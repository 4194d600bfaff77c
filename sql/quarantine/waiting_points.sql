-- The points of the staged files that wait in quarantine, as far as they are asked for.
CREATE TEMPORARY TABLE waiting_points ON COMMIT DROP AS
SELECT s.file_id, b.history_batch_id, q.point_index
FROM staged_history_files AS s
JOIN history_batches AS b USING (landing_file)
JOIN rejected_points AS q USING (history_batch_id)
WHERE q.resolved_at IS NULL
    AND (%(rules)s::text[] IS NULL OR q.rules && %(rules)s)
    AND (%(since)s::timestamptz IS NULL OR coalesce(b.ingested_at, b.loaded_at) >= %(since)s);
