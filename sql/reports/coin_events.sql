-- What happened to the coins, the newest first.
SELECT happened_at, crypto_id, event, old_value, new_value, known_at, said_by
FROM coin_events
WHERE (%(coins)s::text[] IS NULL OR crypto_id = ANY (%(coins)s))
    AND (%(since)s::timestamptz IS NULL OR greatest(happened_at, known_at) >= %(since)s)
ORDER BY happened_at DESC, crypto_id, event
