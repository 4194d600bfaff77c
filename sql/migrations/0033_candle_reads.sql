-- Reads of the candles that cost what they bring, whatever there is beside.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

-- What the lake lacks of the candles is read by when they were written.
CREATE INDEX fact_crypto_price_hourly_load_timestamp ON analytics.fact_crypto_price_hourly
USING brin (load_timestamp) WITH (autosummarize = on);
CREATE INDEX fact_crypto_price_daily_load_timestamp ON analytics.fact_crypto_price_daily
USING brin (load_timestamp) WITH (autosummarize = on);

CREATE OR REPLACE FUNCTION gaps_between(range_start timestamptz, range_end timestamptz) RETURNS TABLE (
    crypto_id text, vs_currency text, grid text, gap_start timestamptz, gap_end timestamptz,
    missing_points bigint, reason text, is_explained boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
WITH expected AS MATERIALIZED (
    SELECT
        e.crypto_id, e.vs_currency,
        e.by_day * tstzrange(range_start, range_end) AS by_day,
        e.by_hour * tstzrange(range_start, range_end) AS by_hour
    FROM expected_history AS e
),
-- Only days that have not all of their hours are looked into.
days AS MATERIALIZED (
    SELECT
        e.crypto_id, e.vs_currency, e.by_hour,
        d.day::timestamp AT TIME ZONE 'UTC' AS day_start,
        round(d.coverage_share * 24) AS hours
    FROM expected AS e
    JOIN analytics.fact_crypto_price_daily AS d USING (crypto_id, vs_currency)
    WHERE (isempty(e.by_day) IS FALSE OR isempty(e.by_hour) IS FALSE)
        AND d.day >= (day_floor(greatest(range_start, timestamptz '2000-01-01 00:00:00+00'))
            AT TIME ZONE 'UTC')::date
        AND d.day <= (least(range_end, timestamptz '3000-01-01 00:00:00+00')
            AT TIME ZONE 'UTC')::date
),
present_days AS (
    SELECT d.crypto_id, d.vs_currency, range_agg(
        tstzrange(d.day_start, (d.day_start AT TIME ZONE 'UTC' + interval '1 day') AT TIME ZONE 'UTC')
    ) AS present
    FROM days AS d GROUP BY d.crypto_id, d.vs_currency
),
-- Day by day, so that only the months of the days are read.
missing_hours AS (
    SELECT d.crypto_id, d.vs_currency, range_agg(t.missing) AS missing
    FROM days AS d
    CROSS JOIN LATERAL (
        SELECT range_agg(tstzrange(f.hour_start, f.hour_start + interval '1 hour')) AS present
        FROM analytics.fact_crypto_price_hourly AS f
        WHERE f.crypto_id = d.crypto_id AND f.vs_currency = d.vs_currency
            AND f.hour_start >= d.day_start AND f.hour_start < d.day_start + interval '24 hours'
    ) AS h
    CROSS JOIN LATERAL unnest(
        tstzmultirange(d.by_hour * tstzrange(d.day_start, d.day_start + interval '24 hours'))
        - coalesce(h.present, '{}')
    ) AS t (missing)
    WHERE d.hours < 24
    GROUP BY d.crypto_id, d.vs_currency
),
missing AS (
    SELECT
        e.crypto_id, e.vs_currency, 'day' AS grid,
        tstzmultirange(e.by_day) - coalesce(p.present, '{}') AS gaps
    FROM expected AS e LEFT JOIN present_days AS p USING (crypto_id, vs_currency)
    WHERE NOT isempty(e.by_day)
    UNION ALL
    SELECT
        e.crypto_id, e.vs_currency, 'hour',
        (tstzmultirange(e.by_hour) - coalesce(p.present, '{}')) + coalesce(h.missing, '{}')
    FROM expected AS e
    LEFT JOIN present_days AS p USING (crypto_id, vs_currency)
    LEFT JOIN missing_hours AS h USING (crypto_id, vs_currency)
    WHERE NOT isempty(e.by_hour)
),
fetched AS (
    SELECT
        b.vs_currency,
        range_agg(tstzrange(
            hour_floor(b.ingested_at), hour_floor(b.ingested_at) + interval '1 hour'
        )) AS hours,
        range_agg(tstzrange(day_floor(b.ingested_at), day_floor(b.ingested_at) + interval '24 hours'))
            AS days
    FROM ingestion_batches AS b
    WHERE b.status = 'completed' AND b.ingested_at >= range_start AND b.ingested_at < range_end
    GROUP BY b.vs_currency
),
refused AS (
    SELECT
        r.crypto_id, r.vs_currency,
        range_agg(tstzrange(r.refused_from, r.refused_to)) AS refused
    FROM history_refusals AS r
    GROUP BY r.crypto_id, r.vs_currency
),
known AS (
    SELECT
        m.*,
        coalesce(a.asked, '{}') AS asked,
        coalesce(r.refused, '{}') AS refused,
        coalesce(CASE m.grid WHEN 'day' THEN f.days ELSE f.hours END, '{}') AS fetched
    FROM missing AS m
    LEFT JOIN asked_history AS a USING (crypto_id, vs_currency)
    LEFT JOIN refused AS r USING (crypto_id, vs_currency)
    LEFT JOIN fetched AS f USING (vs_currency)
    WHERE NOT isempty(m.gaps)
),
parts AS (
    SELECT
        k.crypto_id, k.vs_currency, k.grid, unnest(k.gaps * k.asked) AS gap,
        'the source has none' AS reason, true AS is_explained
    FROM known AS k
    UNION ALL
    SELECT
        k.crypto_id, k.vs_currency, k.grid, unnest((k.gaps - k.asked) * k.refused),
        'the source refuses it: see history_refusals', true
    FROM known AS k
    UNION ALL
    SELECT
        k.crypto_id, k.vs_currency, k.grid,
        unnest((k.gaps - k.asked - k.refused) * k.fetched), 'not in the answer', false
    FROM known AS k
    UNION ALL
    SELECT
        k.crypto_id, k.vs_currency, k.grid,
        unnest(k.gaps - k.asked - k.refused - k.fetched), 'not fetched', false
    FROM known AS k
)
SELECT
    p.crypto_id, p.vs_currency, p.grid, lower(p.gap), upper(p.gap),
    (extract(epoch FROM upper(p.gap) - lower(p.gap))
        / CASE p.grid WHEN 'day' THEN 86400 ELSE 3600 END)::bigint,
    p.reason, p.is_explained
FROM parts AS p
$$;

-- As create_pruned_views, for the checks of the candles.
CREATE FUNCTION create_pruned_candles(range_start timestamptz, range_end timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE TEMPORARY VIEW pruned_fact_crypto_price_hourly AS '
        'SELECT * FROM analytics.fact_crypto_price_hourly '
        'WHERE hour_start >= %L AND hour_start < %L',
        range_start - interval '31 days', range_end + interval '1 day'
    );
    EXECUTE format(
        'CREATE OR REPLACE TEMPORARY VIEW pruned_fact_crypto_price_metrics AS '
        'SELECT * FROM analytics.fact_crypto_price_metrics '
        'WHERE snapshot_time >= %L AND snapshot_time < %L',
        range_start, range_end
    );
END
$$;
COMMENT ON FUNCTION create_pruned_candles(timestamptz, timestamptz) IS
    'Makes the temporary views pruned_fact_crypto_price_hourly, from 31 days before a range of time to a day after it, and pruned_fact_crypto_price_metrics, of the range: the planner sees the bounds and prunes all other partitions.';
