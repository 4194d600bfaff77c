-- Take a mapping back. It is kept, as what was believed meanwhile.
UPDATE coin_mappings SET revoked_at = statement_timestamp(), revoked_by = %(by)s
WHERE source = %(source)s AND source_coin_id = %(source_coin_id)s AND revoked_at IS NULL
RETURNING crypto_id
