-- What the staged points need of the dimensions: every day of their years, and their sources.
CREATE OR REPLACE TEMPORARY VIEW pending_snapshots AS
SELECT month AS snapshot_time FROM point_months;

CREATE OR REPLACE TEMPORARY VIEW incoming_dim_source AS
SELECT
    known.source_key,
    staged.source AS source_name,
    source_kind(staged.source) AS kind,
    least(known.first_ingested_at, staged.first_ingested_at) AS first_ingested_at,
    greatest(known.last_ingested_at, staged.last_ingested_at) AS last_ingested_at
FROM (
    SELECT source, min(ingested_at) AS first_ingested_at, max(ingested_at) AS last_ingested_at
    FROM staged_history_batches WHERE failure IS NULL
    GROUP BY source
) AS staged
LEFT JOIN analytics.dim_source AS known ON known.source_name = staged.source;
