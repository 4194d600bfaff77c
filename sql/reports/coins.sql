-- The coins that are known, those first that snapshots have had.
SELECT
    crypto_id, symbol, name, is_active, first_seen_at, last_seen_at,
    nullif(current_id, crypto_id) AS goes_on_as
FROM analytics.v_coins
WHERE (%(inactive)s::boolean IS FALSE OR is_active IS FALSE)
    AND (
        %(search)s::text IS NULL
        OR strpos(lower(concat_ws(' ', crypto_id, symbol, name, contracts::text)), lower(%(search)s)) > 0
    )
ORDER BY
    lower(%(search)s) IN (crypto_id, lower(symbol), lower(name)) DESC NULLS LAST,
    in_snapshots DESC, is_active DESC NULLS LAST, crypto_id
