-- What happened to one coin: listed, renamed, delisted ...
SELECT happened_at, event, old_value, new_value, said_by, known_at
FROM coin_events
WHERE crypto_id = :'coin'
ORDER BY happened_at DESC
LIMIT 200
