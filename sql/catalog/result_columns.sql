-- Columns of tables and views, by the numbers that a query's result has for what it was selected from.
SELECT n.nspname, c.relname, a.attname
FROM unnest(%(tables)s::oid[], %(columns)s::smallint[]) WITH ORDINALITY AS r (attrelid, attnum, place)
LEFT JOIN pg_attribute AS a USING (attrelid, attnum)
LEFT JOIN pg_class AS c ON c.oid = a.attrelid
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
ORDER BY r.place
