-- What of the staged points stays in quarantine, is there by the rules as they are now.
UPDATE rejected_points AS q
SET
    rules = x.rejected_by,
    rule_versions =
    -- [[[cog point_rule_versions("x.rejected_by") ]]]
    ARRAY(SELECT 1 FROM unnest(x.rejected_by) WITH ORDINALITY AS r (rule, n) ORDER BY n)
    -- [[[end]]]
    ,
    reason = x.reason
FROM waiting_points AS w
JOIN broken_points AS x USING (file_id, point_index)
WHERE (q.history_batch_id, q.point_index) = (w.history_batch_id, w.point_index)
    AND x.rejected_by <> '{}'
    AND (q.rules, q.reason) IS DISTINCT FROM (x.rejected_by, x.reason);
