-- The sources of what is loaded, with the first and last fetch of their snapshots, and the unknown member.
-- A new key that is taken by another source was given by another load since they were read: an error,
-- and this is run again.
MERGE INTO {lake}.dim_source AS t
USING (
    WITH known AS (SELECT source_key, source_name FROM {lake}.dim_source)
    SELECT
        CAST(
            coalesce(
                d.source_key,
                m.highest + row_number() OVER (
                    ORDER BY CASE WHEN d.source_key IS NULL THEN 0 ELSE 1 END, p.source
                )
            ) AS INT
        ) AS source_key,
        p.source AS source_name,
        p.source_kind AS kind,
        p.first_ingested_at,
        p.last_ingested_at
    FROM pending_sources AS p
    LEFT JOIN known AS d ON d.source_name = p.source
    CROSS JOIN (SELECT coalesce(greatest(max(source_key), 0), 0) AS highest FROM known) AS m
    UNION ALL
    SELECT
        -1, '(unknown)', 'unknown', CAST(NULL AS TIMESTAMP), CAST(NULL AS TIMESTAMP)
) AS i
ON t.source_key = i.source_key
WHEN MATCHED AND i.source_key > 0 AND (
    t.source_name <> i.source_name
    OR t.first_ingested_at > i.first_ingested_at OR t.last_ingested_at < i.last_ingested_at
    OR (t.first_ingested_at IS NULL AND i.first_ingested_at IS NOT NULL)
) THEN UPDATE SET
    source_name = CASE
        WHEN t.source_name <> i.source_name
        THEN raise_error(concat('another load has added ', t.source_name))
        ELSE t.source_name
    END,
    first_ingested_at = least(t.first_ingested_at, i.first_ingested_at),
    last_ingested_at = greatest(t.last_ingested_at, i.last_ingested_at)
WHEN NOT MATCHED THEN INSERT *
