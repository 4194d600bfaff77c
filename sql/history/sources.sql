-- Origin and source of each staged batch.
CREATE TEMPORARY TABLE point_sources ON COMMIT DROP AS
SELECT b.history_batch_id, b.origin, s.source_key
FROM staged_history_batches AS b JOIN analytics.dim_source AS s ON s.source_name = b.source;
