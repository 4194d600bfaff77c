-- The sources of the batches waiting for gold, and the unknown member. A new key that is taken was
-- given by another load since they were read: an error, and this is run again.
MERGE INTO {lake}.dim_source AS t
USING (
    WITH known AS (SELECT source_key, source FROM {lake}.dim_source)
    SELECT
        CAST(m.highest + row_number() OVER (ORDER BY s.source) AS INT) AS source_key,
        s.source, s.source_kind AS kind
    FROM (SELECT DISTINCT source, source_kind FROM waiting_batches) AS s
    LEFT ANTI JOIN known AS d ON d.source = s.source
    CROSS JOIN (SELECT coalesce(greatest(max(source_key), 0), 0) AS highest FROM known) AS m
    UNION ALL
    SELECT -1, '(unknown)', 'unknown'
) AS i
ON t.source_key = i.source_key
WHEN MATCHED AND i.source_key > 0 THEN UPDATE SET
    source = raise_error(concat('another load has added ', t.source))
WHEN NOT MATCHED THEN INSERT *
