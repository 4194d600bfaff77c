-- What the database holds.
SELECT
    coalesce((SELECT string_agg(DISTINCT source, ', ') FROM ingestion_batches), 'nothing yet')
        AS source,
    count(*) AS batches,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    (SELECT count(*) FROM cryptocurrencies) AS coins,
    coalesce(sum(records_loaded - records_retired), 0) AS rows,
    coalesce(sum(records_rejected), 0) AS rejected,
    max(ingested_at) FILTER (WHERE status = 'completed') AS newest
FROM ingestion_batches
