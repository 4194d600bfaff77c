-- What waits in quarantine, by the rule that rejects it: how much, the newest, and one of it. A record that
-- breaks several rules counts for each. %(current)s has the versions of the rules as they are now.
WITH quarantine AS (
    SELECT
        'record' AS kind, format('%%s:%%s', r.batch_id, r.record_index) AS id,
        r.rules, r.rule_versions, r.reason, r.resolved_at, r.rejected_at, r.crypto_id,
        coalesce(b.ingested_at, b.partition_hour) AS fetched_at
    FROM rejected_records AS r JOIN ingestion_batches AS b USING (batch_id)
    UNION ALL
    SELECT
        'point', format('h%%s:%%s', r.history_batch_id, r.point_index),
        r.rules, r.rule_versions, r.reason, r.resolved_at, r.rejected_at, b.crypto_id,
        coalesce(b.ingested_at, b.loaded_at)
    FROM rejected_points AS r JOIN history_batches AS b USING (history_batch_id)
),
broken AS (
    SELECT q.*, rule, version
    FROM quarantine AS q, unnest(q.rules, q.rule_versions) AS u (rule, version)
    WHERE (%(rules)s::text[] IS NULL OR rule = ANY (%(rules)s))
        AND (%(since)s::timestamptz IS NULL OR fetched_at >= %(since)s)
)
SELECT
    rule,
    kind,
    count(*) FILTER (WHERE resolved_at IS NULL) AS waiting,
    count(DISTINCT crypto_id) FILTER (WHERE resolved_at IS NULL) AS coins,
    count(*) FILTER (
        WHERE resolved_at IS NULL
            AND version < coalesce((%(current)s::jsonb -> kind ->> rule)::integer, version)
    ) AS by_older_version,
    count(*) FILTER (WHERE resolved_at IS NOT NULL) AS resolved,
    max(fetched_at) FILTER (WHERE resolved_at IS NULL) AS newest,
    (array_agg(id ORDER BY fetched_at DESC, id) FILTER (WHERE resolved_at IS NULL))[1] AS example,
    (array_agg(reason ORDER BY fetched_at DESC, id) FILTER (WHERE resolved_at IS NULL))[1] AS reason
FROM broken
GROUP BY rule, kind
ORDER BY waiting DESC, rule, kind
