-- The landing files of price history with points that wait in quarantine, as far as they are asked for: those
-- that break one of %(rules)s, in files that were fetched since %(since)s.
SELECT landing_file, crypto_id, vs_currency, file_sha256
FROM history_batches
WHERE (%(since)s::timestamptz IS NULL OR coalesce(ingested_at, loaded_at) >= %(since)s)
    AND history_batch_id IN (
        SELECT history_batch_id FROM rejected_points
        WHERE resolved_at IS NULL AND (%(rules)s::text[] IS NULL OR rules && %(rules)s)
    )
ORDER BY history_batch_id
