-- The planner's row count of a table, partitions included.
SELECT sum(greatest(c.reltuples, 0))::bigint
FROM pg_partition_tree(%(relation)s::regclass) AS p
JOIN pg_class AS c ON c.oid = p.relid
WHERE p.isleaf
