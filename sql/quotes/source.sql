-- The source of an answer in dim_source. As of a source of price history alone, the times of its data there
-- stay null: they are those of snapshots.
INSERT INTO analytics.dim_source (source_name, kind)
SELECT %(source)s, source_kind(%(source)s)
WHERE NOT EXISTS (SELECT FROM analytics.dim_source AS s WHERE s.source_name = %(source)s)
