-- The landing file of the newest answer to a request, of those that could be loaded.
SELECT landing_file
FROM history_batches
WHERE crypto_id = %(coin)s AND vs_currency = %(currency)s AND status = 'completed'
    AND origin <> 'import'
    -- The name begins with what was asked for.
    AND starts_with(reverse(split_part(reverse(landing_file), '/', 1)), %(asked)s || '-')
ORDER BY ingested_at DESC
LIMIT 1
