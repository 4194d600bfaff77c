-- Which coins of further sources are which of ours: those that people confirmed, and those that are
-- suggested, the best evidence first.
SELECT source, source_coin_id, crypto_id, state, evidence, confirmed_at, confirmed_by
FROM (
    SELECT
        source, source_coin_id, crypto_id, 'confirmed' AS state, evidence, confirmed_at, confirmed_by,
        0 AS turn, 0 AS grade
    FROM coin_mappings WHERE revoked_at IS NULL
    UNION ALL
    SELECT
        source, source_coin_id, crypto_id,
        CASE
            WHEN have_other_contracts THEN 'contracts differ'
            WHEN is_only_one AND is_same_symbol THEN 'suggested'
            ELSE 'one of several'
        END,
        evidence, NULL, NULL, 1,
        (equal_contracts > 0)::integer + is_same_symbol::integer + is_same_name::integer
    FROM coin_mapping_suggestions
) AS m
ORDER BY turn, grade DESC, source, source_coin_id, crypto_id
