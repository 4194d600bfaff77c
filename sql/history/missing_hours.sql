-- The hours of some coins and currencies in a range of time that are not there, as runs, but for those
-- that the source was asked for already or refuses to this plan; with the coin's newest rank.
WITH series AS (
    SELECT coin.crypto_id, currency.vs_currency
    FROM unnest(%(coins)s::text[]) AS coin (crypto_id)
    CROSS JOIN unnest(%(currencies)s::text[]) AS currency (vs_currency)
),
days AS (
    SELECT s.crypto_id, s.vs_currency, d.day::timestamp AT TIME ZONE 'UTC' AS day_start, d.coverage_share
    FROM series AS s
    JOIN analytics.fact_crypto_price_daily AS d USING (crypto_id, vs_currency)
    WHERE d.day >= (%(start)s::timestamptz AT TIME ZONE 'UTC')::date
        AND d.day <= (%(end)s::timestamptz AT TIME ZONE 'UTC')::date
),
present AS (
    SELECT crypto_id, vs_currency, range_agg(there) AS there
    FROM (
        SELECT
            crypto_id, vs_currency, tstzrange(day_start, day_start + interval '24 hours') AS there
        FROM days WHERE coverage_share = 1
        UNION ALL
        SELECT
            d.crypto_id, d.vs_currency, tstzrange(h.hour_start, h.hour_start + interval '1 hour')
        FROM days AS d
        JOIN analytics.fact_crypto_price_hourly AS h
            ON h.crypto_id = d.crypto_id AND h.vs_currency = d.vs_currency
            AND h.hour_start >= d.day_start AND h.hour_start < d.day_start + interval '24 hours'
        WHERE d.coverage_share < 1
    ) AS ranges
    GROUP BY crypto_id, vs_currency
),
refused AS (
    SELECT crypto_id, vs_currency, range_agg(tstzrange(refused_from, refused_to)) AS refused
    FROM history_refusals WHERE plan = %(plan)s
    GROUP BY crypto_id, vs_currency
)
SELECT s.crypto_id, s.vs_currency, lower(m.missing), upper(m.missing)
FROM series AS s
LEFT JOIN present AS p USING (crypto_id, vs_currency)
LEFT JOIN asked_history AS a USING (crypto_id, vs_currency)
LEFT JOIN refused AS r USING (crypto_id, vs_currency)
CROSS JOIN LATERAL unnest(
    tstzmultirange(tstzrange(%(start)s, %(end)s))
    - coalesce(p.there, '{}') - coalesce(a.asked, '{}') - coalesce(r.refused, '{}')
) AS m (missing)
ORDER BY s.crypto_id, s.vs_currency, m.missing
