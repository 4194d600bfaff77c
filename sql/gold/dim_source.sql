-- Rows of dim_source: the sources of the batches waiting for gold.
CREATE OR REPLACE TEMPORARY VIEW incoming_dim_source AS
SELECT DISTINCT source, source_kind(source) AS kind
FROM ingestion_batches
WHERE status = 'completed' AND gold_loaded_at IS NULL;
