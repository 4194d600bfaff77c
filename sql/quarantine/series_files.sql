-- All landing files of some coins, each in a currency, that are loaded or have points in quarantine.
SELECT b.landing_file, b.crypto_id, b.vs_currency, b.file_sha256,
    b.status = 'completed' AS is_loaded
FROM history_batches AS b
JOIN unnest(%(coins)s::text[], %(currencies)s::text[]) AS s (crypto_id, vs_currency)
    USING (crypto_id, vs_currency)
WHERE b.status = 'completed'
    OR b.history_batch_id IN (SELECT history_batch_id FROM rejected_points WHERE resolved_at IS NULL)
ORDER BY b.history_batch_id
