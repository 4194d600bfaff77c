-- a batch of price history whose points are not those that it counts
SELECT b.landing_file, b.points_loaded, p.points, b.points_rejected, r.rejected
FROM history_batches AS b
LEFT JOIN (
    SELECT history_batch_id, count(*) AS points FROM price_points
    WHERE history_batch_id IN (
        SELECT history_batch_id FROM history_batches
        WHERE loaded_at >= (SELECT loaded_since FROM check_scope)
    )
    GROUP BY history_batch_id
) AS p USING (history_batch_id)
LEFT JOIN (
    SELECT history_batch_id, count(*) AS rejected FROM rejected_points
    WHERE resolved_history_batch_id IS DISTINCT FROM history_batch_id
    GROUP BY history_batch_id
) AS r USING (history_batch_id)
WHERE b.status = 'completed' AND b.loaded_at >= (SELECT loaded_since FROM check_scope)
    AND (b.points_loaded, b.points_rejected) <> (coalesce(p.points, 0), coalesce(r.rejected, 0))
