-- The sources of the batches pending for gold, with their first and last fetch.
SELECT
    w.source, w.source_kind,
    min(b.ingested_at) AS first_ingested_at,
    max(b.ingested_at) AS last_ingested_at
FROM pending_batches AS w
JOIN {lake}.ingestion_batches AS b ON b.batch_id = w.batch_id
GROUP BY w.source, w.source_kind
