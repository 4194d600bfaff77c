-- What rules rejected of the files that were fetched from a time on, by rule, those that wait and those
-- that were loaded since. A record that breaks several rules counts for each.
WITH broken AS (
    SELECT 'record' AS kind, r.rules, r.resolved_at
    FROM ingestion_batches AS b JOIN rejected_records AS r USING (batch_id)
    WHERE b.ingested_at >= %(since)s
    UNION ALL
    SELECT 'point', r.rules, r.resolved_at
    FROM history_batches AS b JOIN rejected_points AS r USING (history_batch_id)
    WHERE b.ingested_at >= %(since)s
)
SELECT
    rule, kind, count(*) AS rejected, count(*) FILTER (WHERE resolved_at IS NULL) AS waiting
FROM broken, unnest(rules) AS u (rule)
GROUP BY rule, kind
ORDER BY rejected DESC, rule, kind
