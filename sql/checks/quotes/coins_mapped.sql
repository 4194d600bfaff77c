-- A coin that is mapped is known no more: the landing files that had it are gone.
SELECT m.source, m.source_coin_id, m.crypto_id, m.confirmed_at
FROM coin_mappings AS m
WHERE m.revoked_at IS NULL AND NOT EXISTS (
    SELECT FROM quoted_coins AS q
    WHERE (q.source, q.source_coin_id) = (m.source, m.source_coin_id)
)
