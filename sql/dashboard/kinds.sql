-- What the data is, by dim_source: live, sandbox (made up) or recorded (played back).
SELECT source_name, kind, first_ingested_at, last_ingested_at
FROM analytics.dim_source
WHERE source_key <> -1
ORDER BY source_name
