-- An answer of a further source could not be loaded.
SELECT landing_file, loaded_at, error
FROM quote_batches CROSS JOIN check_scope
WHERE status = 'failed' AND loaded_at >= loaded_since
