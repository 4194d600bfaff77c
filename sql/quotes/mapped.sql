-- The coins of a source that are mapped, largest first: by rank, where it says one.
SELECT m.source_coin_id
FROM coin_mappings AS m
LEFT JOIN quoted_coins AS q USING (source, source_coin_id)
WHERE m.source = %(source)s AND m.revoked_at IS NULL
ORDER BY nullif(q.coin_rank, 0) NULLS LAST, m.source_coin_id
