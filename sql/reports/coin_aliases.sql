-- Aliases that are suggested, then those that are confirmed.
SELECT
    old_id, new_id, 'suggested' AS state, equal_contracts || ' equal contracts: ' || evidence AS evidence,
    old_last_listed_at, new_listed_from, NULL::timestamptz AS confirmed_at, NULL AS confirmed_by
FROM coin_alias_suggestions
UNION ALL
SELECT
    a.old_id, a.new_id, 'confirmed', a.evidence, o.last_seen_at, n.listed_from, a.confirmed_at,
    a.confirmed_by
FROM coin_aliases AS a
LEFT JOIN analytics.v_coins AS o ON o.crypto_id = a.old_id
LEFT JOIN analytics.v_coins AS n ON n.crypto_id = a.new_id
WHERE a.revoked_at IS NULL
ORDER BY state DESC, old_id, evidence DESC
