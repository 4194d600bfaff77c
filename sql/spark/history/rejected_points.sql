MERGE INTO {lake}.rejected_points AS t
USING (
    SELECT
        b.history_batch_id, p.point_index, p.rejected_by AS rules, p.reason, p.point,
        current_timestamp() AS rejected_at
    FROM {points} AS p
    JOIN {lake}.history_batches AS b ON b.landing_file = p.landing_file
    WHERE size(p.rejected_by) > 0 AND b.status IN ('loading', 'failed')
) AS i
ON t.history_batch_id = i.history_batch_id AND t.point_index = i.point_index
WHEN MATCHED THEN UPDATE SET rules = i.rules, reason = i.reason, point = i.point
WHEN NOT MATCHED THEN INSERT *
