-- The hours of some coins and currencies in a range of time that are not there, as runs, but for those
-- that the source was asked for already or refuses to this plan. A coin that goes on under another id is
-- asked for under that one, and has there what it has under its former ids.
WITH series AS (
    SELECT DISTINCT coalesce(c.current_id, coin.crypto_id) AS crypto_id, currency.vs_currency
    FROM unnest(%(coins)s::text[]) AS coin (crypto_id)
    LEFT JOIN coin_current_ids AS c USING (crypto_id)
    CROSS JOIN unnest(%(currencies)s::text[]) AS currency (vs_currency)
),
ids AS (
    SELECT s.crypto_id, s.vs_currency, s.crypto_id AS of_id FROM series AS s
    UNION ALL
    SELECT s.crypto_id, s.vs_currency, c.crypto_id
    FROM series AS s JOIN coin_current_ids AS c ON c.current_id = s.crypto_id
),
days AS (
    SELECT i.crypto_id, i.vs_currency, i.of_id, d.day::timestamp AT TIME ZONE 'UTC' AS day_start, d.coverage_share
    FROM ids AS i
    JOIN analytics.fact_crypto_price_daily AS d ON d.crypto_id = i.of_id AND d.vs_currency = i.vs_currency
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
        -- Day by day, so that only the months of the days are read.
        CROSS JOIN LATERAL (
            SELECT f.hour_start FROM analytics.fact_crypto_price_hourly AS f
            WHERE f.crypto_id = d.of_id AND f.vs_currency = d.vs_currency
                AND f.hour_start >= d.day_start AND f.hour_start < d.day_start + interval '24 hours'
            OFFSET 0
        ) AS h
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
