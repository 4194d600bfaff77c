-- Tables and views of a schema in the order they were made, without partitions and Alembic's table.
SELECT
    c.relname AS name,
    c.relkind = 'v' AS is_view,
    obj_description(c.oid, 'pg_class') AS description
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s
    AND c.relkind IN ('r', 'p', 'v')
    AND NOT c.relispartition
    AND c.relname <> 'alembic_version'
ORDER BY is_view, c.oid
