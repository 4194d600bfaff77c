-- The newest batches and what became of their records.
SELECT
    coalesce(ingested_at, partition_hour) AS "time (UTC)",
    status,
    records_fetched AS fetched,
    records_loaded AS loaded,
    records_duplicate AS dupl,
    records_rejected AS rejected,
    (SELECT sum(records::integer) FROM jsonb_each_text(warnings) AS w (rule, records)) AS warned,
    error
FROM ingestion_batches
ORDER BY partition_hour DESC, batch_id DESC
LIMIT 12
