-- What keeps an alias from being confirmed: ids that nothing knows, and where the two ids lead to already.
WITH RECURSIVE leads AS (
    SELECT %(new)s::text AS id
    UNION
    SELECT a.new_id FROM leads AS l JOIN coin_aliases AS a ON a.old_id = l.id AND a.revoked_at IS NULL
)
SELECT
    ARRAY(
        SELECT wanted.id FROM unnest(ARRAY[%(old)s, %(new)s]::text[]) AS wanted (id)
        WHERE NOT EXISTS (SELECT FROM coin_listings AS l WHERE l.crypto_id = wanted.id)
            AND NOT EXISTS (SELECT FROM cryptocurrencies AS c WHERE c.crypto_id = wanted.id)
    ) AS unknown,
    (
        SELECT a.new_id FROM coin_aliases AS a
        WHERE a.old_id = %(old)s AND a.new_id <> %(new)s AND a.revoked_at IS NULL
    ) AS other,
    EXISTS (SELECT FROM leads WHERE id = %(old)s) AS is_circle
