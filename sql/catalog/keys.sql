-- Primary, unique and foreign keys of a schema's tables. A key of a partitioned table has copies for
-- its partitions, which are left out.
SELECT
    c.relname AS table,
    k.contype::text AS kind,
    (
        SELECT array_agg(a.attname::text ORDER BY position)
        FROM unnest(k.conkey) WITH ORDINALITY AS key (attnum, position)
        JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = key.attnum
    ) AS columns,
    target.relname AS references
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_class AS target ON target.oid = k.confrelid
WHERE n.nspname = %(schema)s
    AND k.contype IN ('p', 'u', 'f')
    AND NOT c.relispartition
    AND k.conparentid = 0
ORDER BY c.oid, k.contype = 'f', k.oid
