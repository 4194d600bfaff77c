-- Take an alias back. It is kept, as what was believed meanwhile.
UPDATE coin_aliases SET revoked_at = statement_timestamp(), revoked_by = %(by)s
WHERE old_id = %(old)s AND revoked_at IS NULL
RETURNING new_id
