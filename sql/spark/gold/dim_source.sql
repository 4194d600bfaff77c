-- The sources of the batches waiting for gold, and the unknown member.
MERGE INTO {lake}.dim_source AS t
USING (
    SELECT
        CAST(m.highest + row_number() OVER (ORDER BY s.source) AS INT) AS source_key,
        s.source, s.source_kind AS kind
    FROM (SELECT DISTINCT source, source_kind FROM waiting_batches) AS s
    LEFT ANTI JOIN {lake}.dim_source AS d ON d.source = s.source
    CROSS JOIN (
        SELECT coalesce(greatest(max(source_key), 0), 0) AS highest FROM {lake}.dim_source
    ) AS m
    UNION ALL
    SELECT -1, '(unknown)', 'unknown'
) AS i
ON t.source = i.source
WHEN NOT MATCHED THEN INSERT *
