-- What has to be there before the staged points: the days and months that they lie in, and the partitions.
CREATE TEMPORARY TABLE point_days ON COMMIT DROP AS
SELECT
    to_timestamp(days.number * 86400) AS day_start,
    bool_or(days.granularity_minutes < 1440) AS has_hours
FROM (
    SELECT DISTINCT p.observed_ms / 86400000 AS number, b.granularity_minutes
    FROM staged_points AS p JOIN staged_history_batches AS b USING (file_id)
    WHERE b.failure IS NULL
        -- From 2009-01-03 to 2200: beyond that a point is rejected.
        AND p.observed_ms BETWEEN 1230940800000 AND 7258118400000
) AS days
GROUP BY days.number;

SELECT ensure_month_partitions(
    'price_points', ARRAY(SELECT DISTINCT date_trunc('month', day_start, 'UTC') FROM point_days)
);
SELECT ensure_month_partitions(
    'analytics.fact_crypto_price_hourly',
    ARRAY(SELECT DISTINCT date_trunc('month', day_start, 'UTC') FROM point_days WHERE has_hours)
);

-- What the dimensions are to have for them: every day of their years, and their sources.
CREATE OR REPLACE TEMPORARY VIEW pending_snapshots AS
SELECT day_start AS snapshot_time FROM point_days;

CREATE OR REPLACE TEMPORARY VIEW incoming_dim_source AS
SELECT
    known.source_key,
    staged.source AS source_name,
    source_kind(staged.source) AS kind,
    -- Those of the star schema's data, if it has any of the source.
    known.first_ingested_at,
    known.last_ingested_at
FROM (SELECT DISTINCT source FROM staged_history_batches WHERE failure IS NULL) AS staged
LEFT JOIN analytics.dim_source AS known ON known.source_name = staged.source;
