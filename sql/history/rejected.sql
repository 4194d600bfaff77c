-- The quarantine of the staged points.
INSERT INTO rejected_points (history_batch_id, point_index, rules, reason, point)
SELECT b.history_batch_id, x.point_index, x.rejected_by, x.reason, r.point
FROM broken_points AS x
JOIN staged_history_batches AS b USING (file_id)
JOIN staged_rejected_points AS r USING (file_id, point_index)
WHERE x.rejected_by <> '{}'
ON CONFLICT (history_batch_id, point_index) DO UPDATE SET
    rules = excluded.rules, reason = excluded.reason, point = excluded.point
