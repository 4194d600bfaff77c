-- What a monitor wants to know of the warehouse, in one row.
SELECT
    current_database() AS database,
    (SELECT version_num FROM alembic_version) AS revision,
    (SELECT kind FROM data_origin) AS kind,
    count(*) AS batches,
    count(*) FILTER (WHERE status = 'failed') AS batches_failed,
    count(*) FILTER (WHERE status = 'completed' AND gold_loaded_at IS NULL) AS batches_pending,
    min(loaded_at) FILTER (WHERE status = 'completed' AND gold_loaded_at IS NULL) AS pending_since,
    coalesce(sum(records_fetched) FILTER (WHERE status = 'completed'), 0) AS records_fetched,
    coalesce(sum(records_loaded), 0) AS records_loaded,
    coalesce(sum(records_duplicate), 0) AS records_duplicate,
    coalesce(sum(records_rejected), 0) AS records_rejected,
    (
        SELECT count(*) FROM rejected_records WHERE resolved_batch_id = batch_id
    ) AS records_replayed,
    (
        SELECT count(*) FROM (
            SELECT FROM rejected_records WHERE resolved_at IS NULL
            UNION ALL
            SELECT FROM rejected_points WHERE resolved_at IS NULL
        ) AS waiting
    ) AS in_quarantine,
    coalesce(sum(records_loaded - records_retired), 0) AS rows,
    (SELECT count(*) FROM cryptocurrencies) AS coins,
    max(ingested_at) FILTER (WHERE status = 'completed') AS newest_data,
    (
        SELECT coalesce(
            jsonb_object_agg(vs_currency, round(extract(epoch FROM newest_of_all - newest)))
                FILTER (WHERE vs_currency = ANY (%(currencies)s::text[])),
            '{}'
        )
        FROM (
            SELECT
                vs_currency, max(ingested_at) AS newest, max(max(ingested_at)) OVER () AS newest_of_all
            FROM ingestion_batches
            WHERE status = 'completed'
            GROUP BY vs_currency
        ) AS by_currency
    ) AS seconds_behind,
    (
        SELECT jsonb_build_object(
            'landing_file', landing_file, 'status', status, 'error', error,
            'records_fetched', records_fetched, 'records_loaded', records_loaded,
            'records_duplicate', records_duplicate, 'records_rejected', records_rejected
        )
        FROM ingestion_batches
        ORDER BY partition_hour DESC, batch_id DESC
        LIMIT 1
    ) AS newest_batch,
    now() AS read_at
FROM ingestion_batches
