-- Whether Dagster's tables are there and this role may read them. They are Dagster's own (1.13), which
-- makes and changes them.
SELECT coalesce(
    has_schema_privilege('dagster', 'USAGE')
    AND has_table_privilege(to_regclass('dagster.runs'), 'SELECT')
    AND has_table_privilege(to_regclass('dagster.asset_keys'), 'SELECT'),
    false
)
FROM pg_namespace
WHERE nspname = 'dagster'
