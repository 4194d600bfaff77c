-- The gaps of the price history, those first that the source was not asked for yet.
SELECT
    crypto_id, vs_currency, grid, gap_start, gap_end, missing_points AS missing, reason, is_explained
FROM analytics.v_gaps
WHERE (%(coins)s::text[] IS NULL OR crypto_id = ANY (%(coins)s))
    AND (%(all)s OR NOT is_explained)
ORDER BY is_explained, gap_end DESC, crypto_id, vs_currency
