-- The sources of the files of price history that are being loaded. When they were fetched is said of
-- snapshots only.
SELECT DISTINCT
    b.source, b.source_kind,
    CAST(NULL AS TIMESTAMP) AS first_ingested_at, CAST(NULL AS TIMESTAMP) AS last_ingested_at
FROM {files} AS f
JOIN {lake}.history_batches AS b ON b.landing_file = f.landing_file
WHERE b.status = 'loading'
