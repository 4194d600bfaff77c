-- Which rows the last partition (by name) of a table holds that has any, as a condition.
SELECT pg_get_partition_constraintdef(oid)
FROM (
    SELECT c.oid
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = %(relation)s::regclass
    ORDER BY c.relname DESC
    -- Keeps the order before the size is asked for: that of one or two is enough.
    OFFSET 0
) AS partitions
WHERE pg_relation_size(oid) > 0
LIMIT 1
