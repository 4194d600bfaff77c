-- a landing file of price history that could not be loaded
SELECT landing_file, error
FROM history_batches
WHERE status = 'failed' AND loaded_at >= (SELECT loaded_since FROM check_scope)
