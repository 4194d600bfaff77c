-- What became of the points of the staged files that waited in quarantine.
SELECT
    f.landing_file,
    count(*) AS waited,
    count(*) FILTER (WHERE q.resolved_at IS NULL) AS waiting,
    count(p.history_batch_id) AS loaded,
    count(*) FILTER (
        WHERE q.resolved_history_batch_id = q.history_batch_id AND p.history_batch_id IS NULL
    ) AS duplicate
FROM waiting_points AS w
JOIN staged_history_files AS f USING (file_id)
JOIN rejected_points AS q USING (history_batch_id, point_index)
LEFT JOIN price_points AS p USING (history_batch_id, point_index)
GROUP BY w.history_batch_id, f.landing_file
ORDER BY w.history_batch_id
