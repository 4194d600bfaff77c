-- Every table of the database, of every schema: what a backup holds. A partition is read as a part of
-- its table.
SELECT n.nspname, c.relname
FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
    AND NOT c.relispartition
    AND n.nspname !~ '^pg_'
    AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname;
