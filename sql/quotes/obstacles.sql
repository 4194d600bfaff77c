-- What keeps a mapping from being confirmed: ids that nothing knows, and other mappings of the two.
SELECT
    NOT EXISTS (
        SELECT FROM quoted_coins AS q
        WHERE (q.source, q.source_coin_id) = (%(source)s, %(source_coin_id)s)
    ) AS is_unknown_there,
    NOT EXISTS (SELECT FROM coin_listings AS l WHERE l.crypto_id = %(crypto_id)s)
        AND NOT EXISTS (SELECT FROM cryptocurrencies AS c WHERE c.crypto_id = %(crypto_id)s)
        AS is_unknown_here,
    (
        SELECT m.crypto_id FROM coin_mappings AS m
        WHERE (m.source, m.source_coin_id) = (%(source)s, %(source_coin_id)s)
            AND m.crypto_id <> %(crypto_id)s AND m.revoked_at IS NULL
    ) AS mapped_to,
    (
        SELECT m.source_coin_id FROM coin_mappings AS m
        WHERE (m.source, m.crypto_id) = (%(source)s, %(crypto_id)s)
            AND m.source_coin_id <> %(source_coin_id)s AND m.revoked_at IS NULL
    ) AS mapped_from
