-- The gaps that the source was not asked for yet, and does not refuse to this plan, as runs.
WITH refused AS (
    SELECT crypto_id, vs_currency, range_agg(tstzrange(refused_from, refused_to)) AS refused
    FROM history_refusals WHERE plan = %(plan)s
    GROUP BY crypto_id, vs_currency
),
gaps AS (
    SELECT crypto_id, vs_currency, range_agg(tstzrange(gap_start, gap_end)) AS gaps
    FROM analytics.v_gaps
    -- What another plan was refused, this one may have.
    WHERE NOT is_explained OR reason LIKE 'the source refuses it%%'
    GROUP BY crypto_id, vs_currency
)
SELECT g.crypto_id, g.vs_currency, lower(m.missing), upper(m.missing)
FROM gaps AS g
LEFT JOIN asked_history AS a USING (crypto_id, vs_currency)
LEFT JOIN refused AS r USING (crypto_id, vs_currency)
CROSS JOIN LATERAL unnest(g.gaps - coalesce(a.asked, '{}') - coalesce(r.refused, '{}')) AS m (missing)
ORDER BY g.crypto_id, g.vs_currency, m.missing
