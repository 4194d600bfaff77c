-- Confirm that a coin goes on under another id, with what is known of both; no row where it is so already.
-- The time is that of the statement, under the lock of the loads: the marts find by it what is new.
INSERT INTO coin_aliases (old_id, new_id, evidence, confirmed_at, confirmed_by)
SELECT
    %(old)s, %(new)s,
    coalesce(
        (
            SELECT 'equal contracts: ' || s.evidence FROM coin_alias_suggestions AS s
            WHERE (s.old_id, s.new_id) = (%(old)s, %(new)s)
        ),
        'no equal contract'
    ),
    statement_timestamp(),
    %(by)s
WHERE NOT EXISTS (
    SELECT FROM coin_aliases AS a
    WHERE (a.old_id, a.new_id) = (%(old)s, %(new)s) AND a.revoked_at IS NULL
)
RETURNING evidence
