-- What the current role lacks of what a load needs, a row for each object; none before there are
-- tables, when whoever makes them owns them.
SELECT right_and_object
FROM (
    SELECT 1 AS place, v.verb || ' on ' || n.nspname || '.' || c.relname AS right_and_object
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace,
        unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS v (verb)
    WHERE n.nspname IN ('public', 'analytics')
        AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND NOT (c.relname = 'alembic_version' AND v.verb <> 'SELECT')
        AND NOT (c.relname = 'data_origin' AND v.verb = 'UPDATE')
        AND NOT has_table_privilege(c.oid, v.verb)
    UNION ALL
    SELECT 2, 'EXECUTE on ' || p.proname
    FROM pg_proc AS p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
        AND NOT has_function_privilege(p.oid, 'EXECUTE')
    UNION ALL
    SELECT 2, 'USAGE on schema ' || n.nspname
    FROM pg_namespace AS n
    WHERE n.nspname IN ('loading', 'lake') AND NOT has_schema_privilege(n.oid, 'USAGE')
    UNION ALL
    SELECT 2, 'SELECT on lake.changes'
    FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace('lake') AND c.relname = 'changes'
        AND NOT has_table_privilege(c.oid, 'SELECT')
    UNION ALL
    SELECT 3, 'TEMPORARY on the database'
    WHERE NOT has_database_privilege(current_database(), 'TEMPORARY')
    UNION ALL
    SELECT 4, 'CREATE in schema dagster'
    WHERE NOT coalesce(
        has_schema_privilege(to_regnamespace('dagster'), 'CREATE'),
        has_database_privilege(current_database(), 'CREATE')
    )
) AS missing
ORDER BY place, right_and_object
