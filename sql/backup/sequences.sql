-- Every sequence with the last number that it gave; 0 before its first.
SELECT format('%s.%s', schemaname, sequencename) AS name, coalesce(last_value, 0) AS last_value
FROM pg_sequences
ORDER BY 1;
