-- Where the rows lie that were written last to a table, or to the last of its partitions (by name)
-- that has any: the condition of that partition, and the first row of its last two pages.
WITH partitions AS (
    SELECT c.oid
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = %(relation)s::regclass
    ORDER BY c.relname DESC
    -- Keeps the order before the size is asked for: that of one or two is enough.
    OFFSET 0
),
last AS (
    (SELECT oid FROM partitions WHERE pg_relation_size(oid) > 0 LIMIT 1)
    UNION ALL
    SELECT %(relation)s::regclass
    LIMIT 1
)
SELECT
    coalesce(pg_get_partition_constraintdef(oid), 'true'),
    format('(%%s,0)', greatest(pg_relation_size(oid) / current_setting('block_size')::integer - 2, 0))
FROM last
