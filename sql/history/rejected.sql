-- The quarantine of the staged points.
INSERT INTO rejected_points AS q (history_batch_id, point_index, rules, rule_versions, reason, point)
SELECT
    b.history_batch_id, x.point_index, x.rejected_by,
    -- [[[cog point_rule_versions("x.rejected_by") ]]]
    ARRAY(SELECT 1 FROM unnest(x.rejected_by) WITH ORDINALITY AS r (rule, n) ORDER BY n)
    -- [[[end]]]
    AS rule_versions,
    x.reason, r.point
FROM broken_points AS x
JOIN staged_history_batches AS b USING (file_id)
JOIN staged_rejected_points AS r USING (file_id, point_index)
WHERE x.rejected_by <> '{}'
ON CONFLICT (history_batch_id, point_index) DO UPDATE SET
    rules = excluded.rules,
    rule_versions = excluded.rule_versions,
    reason = excluded.reason,
    point = excluded.point,
    -- Rejected once more: what a later batch has is there all the same.
    resolved_at = CASE WHEN q.resolved_history_batch_id <> q.history_batch_id THEN q.resolved_at END,
    resolved_history_batch_id = nullif(q.resolved_history_batch_id, q.history_batch_id)
