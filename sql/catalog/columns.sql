-- Columns of a relation, in order, with their comments.
SELECT
    attname AS name,
    format_type(atttypid, atttypmod) AS type,
    NOT attnotnull AS nullable,
    col_description(attrelid, attnum) AS description
FROM pg_attribute
WHERE attrelid = %(relation)s::regclass AND attnum > 0 AND NOT attisdropped
ORDER BY attnum
