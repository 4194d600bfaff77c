-- The records of %(batch)s in quarantine, or its points if %(of_history)s, or the one at %(place)s: as they
-- came, with the reason, and what became of them.
SELECT
    format('%%s:%%s', r.batch_id, r.record_index) AS id,
    'record' AS kind,
    b.landing_file,
    r.record_index AS place,
    b.status AS file_status,
    b.error AS file_error,
    nullif(r.crypto_id, '') AS crypto_id,
    b.vs_currency,
    b.ingested_at AS fetched_at,
    r.rules,
    r.rule_versions,
    r.reason,
    r.rejected_at,
    r.resolved_at,
    c.landing_file AS loaded_from,
    nullif(r.record, '') AS content
FROM rejected_records AS r
JOIN ingestion_batches AS b USING (batch_id)
LEFT JOIN ingestion_batches AS c ON c.batch_id = r.resolved_batch_id
WHERE NOT %(of_history)s AND r.batch_id = %(batch)s
    AND (%(place)s::integer IS NULL OR r.record_index = %(place)s)
UNION ALL
SELECT
    format('h%%s:%%s', r.history_batch_id, r.point_index),
    'point',
    b.landing_file,
    r.point_index,
    b.status,
    b.error,
    b.crypto_id,
    b.vs_currency,
    b.ingested_at,
    r.rules,
    r.rule_versions,
    r.reason,
    r.rejected_at,
    r.resolved_at,
    c.landing_file,
    r.point
FROM rejected_points AS r
JOIN history_batches AS b USING (history_batch_id)
LEFT JOIN history_batches AS c ON c.history_batch_id = r.resolved_history_batch_id
WHERE %(of_history)s AND r.history_batch_id = %(batch)s
    AND (%(place)s::integer IS NULL OR r.point_index = %(place)s)
ORDER BY place
