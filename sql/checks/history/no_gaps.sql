-- a gap of the price history that the source was not asked for yet: `crypto-pipeline repair` closes it
SELECT g.crypto_id, g.vs_currency, g.grid, g.gap_start, g.gap_end, g.missing_points, g.reason
FROM check_scope AS s, gaps_between(s.range_start, s.range_end) AS g
WHERE NOT g.is_explained
ORDER BY g.gap_end DESC
