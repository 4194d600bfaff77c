-- Rows of dim_source: the sources of the batches pending for gold, with what is known of them.
CREATE OR REPLACE TEMPORARY VIEW incoming_dim_source AS
SELECT
    known.source_key,
    pending.source AS source_name,
    source_kind(pending.source) AS kind,
    least(known.first_ingested_at, pending.first_ingested_at) AS first_ingested_at,
    greatest(known.last_ingested_at, pending.last_ingested_at) AS last_ingested_at
FROM (
    SELECT source, min(ingested_at) AS first_ingested_at, max(ingested_at) AS last_ingested_at
    FROM ingestion_batches
    WHERE status = 'completed' AND gold_loaded_at IS NULL
    GROUP BY source
) AS pending
LEFT JOIN analytics.dim_source AS known ON known.source_name = pending.source;
