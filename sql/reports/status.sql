-- What `crypto-pipeline status` shows first, in one row; each part by an index, whatever the history.
SELECT
    current_database() AS database,
    (SELECT kind FROM data_origin) AS kind,
    (
        SELECT ingested_at FROM ingestion_batches
        WHERE status = 'completed' AND ingested_at IS NOT NULL
        ORDER BY ingested_at DESC LIMIT 1
    ) AS newest_data,
    (
        SELECT coalesce(
            jsonb_object_agg(vs_currency, round(extract(epoch FROM newest_of_all - newest))), '{}'
        )
        FROM (
            SELECT c.vs_currency, n.newest, max(n.newest) OVER () AS newest_of_all
            FROM unnest(%(currencies)s::text[]) AS c (vs_currency)
            CROSS JOIN LATERAL (
                SELECT b.ingested_at AS newest FROM ingestion_batches AS b
                WHERE b.vs_currency = c.vs_currency AND b.status = 'completed'
                    AND b.ingested_at IS NOT NULL
                ORDER BY b.ingested_at DESC LIMIT 1
            ) AS n
        ) AS by_currency
    ) AS seconds_behind,
    (
        SELECT jsonb_build_object('status', status, 'error', error)
        FROM ingestion_batches
        ORDER BY partition_hour DESC, batch_id DESC
        LIMIT 1
    ) AS newest_batch,
    count(*) AS batches_pending,
    min(loaded_at) AS pending_since,
    now() AS read_at
FROM ingestion_batches
WHERE status = 'completed' AND gold_loaded_at IS NULL
