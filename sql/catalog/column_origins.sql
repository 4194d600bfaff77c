-- Columns of a view that pass on a table's column under its name, with that column's comment; of
-- several tables, the one of which the view reads the most columns.
SELECT DISTINCT ON (v.attname)
    v.attname AS name,
    col_description(t.attrelid, t.attnum) AS description
FROM pg_attribute AS v
JOIN pg_rewrite AS r ON r.ev_class = v.attrelid
JOIN (
    SELECT objid, refobjid, refobjsubid, count(*) OVER (PARTITION BY objid, refobjid) AS columns_read
    FROM pg_depend
    WHERE classid = 'pg_rewrite'::regclass
        AND refclassid = 'pg_class'::regclass
        AND refobjsubid > 0
) AS d ON d.objid = r.oid
JOIN pg_attribute AS t
    ON t.attrelid = d.refobjid AND t.attnum = d.refobjsubid AND t.attname = v.attname
WHERE v.attrelid = %(relation)s::regclass
    AND t.attrelid <> v.attrelid
    AND col_description(t.attrelid, t.attnum) IS NOT NULL
ORDER BY v.attname, d.columns_read DESC, d.refobjid
