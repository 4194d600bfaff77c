-- What the rules say now of the points in quarantine, by file.
SELECT
    f.landing_file,
    f.crypto_id,
    f.vs_currency,
    count(*) AS waited,
    count(*) FILTER (
        WHERE x.file_id IS NULL AND NOT f.failed
            AND (b.failure IS NULL OR h.status = 'completed')
    ) AS mended,
    b.failure
FROM waiting_points AS w
JOIN staged_history_files AS f USING (file_id)
JOIN staged_history_batches AS b USING (file_id)
JOIN history_batches AS h ON h.history_batch_id = w.history_batch_id
LEFT JOIN broken_points AS x
    ON x.file_id = w.file_id AND x.point_index = w.point_index AND x.rejected_by <> '{}'
GROUP BY w.history_batch_id, f.landing_file, f.crypto_id, f.vs_currency, b.failure
ORDER BY w.history_batch_id
