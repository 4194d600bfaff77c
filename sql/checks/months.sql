-- The months (UTC) that have batches, cut to the hours asked for: what a check looks at in one go.
SELECT
    greatest(month AT TIME ZONE 'UTC', %(start)s::timestamptz),
    least((month + interval '1 month') AT TIME ZONE 'UTC', %(end)s::timestamptz)
FROM (
    SELECT DISTINCT date_trunc('month', partition_hour AT TIME ZONE 'UTC') AS month
    FROM ingestion_batches
    WHERE (%(start)s::timestamptz IS NULL OR partition_hour >= %(start)s)
        AND (%(end)s::timestamptz IS NULL OR partition_hour < %(end)s)
) AS months
ORDER BY 1
