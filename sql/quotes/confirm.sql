-- Confirm which coin a coin of a further source is, with what is known of both; no row where it is so
-- already.
INSERT INTO coin_mappings (source, source_coin_id, crypto_id, evidence, confirmed_by)
SELECT
    %(source)s, %(source_coin_id)s, %(crypto_id)s,
    coalesce(
        (
            SELECT s.evidence FROM coin_mapping_suggestions AS s
            WHERE (s.source, s.source_coin_id, s.crypto_id)
                = (%(source)s, %(source_coin_id)s, %(crypto_id)s)
        ),
        'no equal contract, symbol and name'
    ),
    %(by)s
WHERE NOT EXISTS (
    SELECT FROM coin_mappings AS m
    WHERE (m.source, m.source_coin_id, m.crypto_id) = (%(source)s, %(source_coin_id)s, %(crypto_id)s)
        AND m.revoked_at IS NULL
)
RETURNING evidence
