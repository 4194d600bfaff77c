-- Names of the CHECK constraints of a schema, with the tables that have them; without partitions.
SELECT k.conname AS name, array_agg(c.relname::text ORDER BY c.oid) AS tables
FROM pg_constraint AS k
JOIN pg_class AS c ON c.oid = k.conrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND k.contype = 'c' AND NOT c.relispartition
GROUP BY k.conname
