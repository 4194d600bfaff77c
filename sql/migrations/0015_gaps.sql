-- The request ledger, what the source refuses, and the gaps of the price history.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

-- ---------------------------------------------------------------------------------------------
-- The request ledger
-- ---------------------------------------------------------------------------------------------

CREATE TABLE api_requests (
    request_id uuid PRIMARY KEY,
    sent_at timestamptz NOT NULL,
    plan text NOT NULL,
    endpoint text,
    http_status smallint,
    credits smallint NOT NULL CONSTRAINT credits_not_negative CHECK (credits >= 0),
    received_bytes bigint,
    duration_ms integer,
    is_cached boolean,
    run_id text
);
CREATE INDEX api_requests_plan_sent_at ON api_requests (plan, sent_at) INCLUDE (credits);

-- One at a time: of two processes that see the last free slot, one gets it.
CREATE FUNCTION reserve_request(request uuid, of_plan text, per_minute integer)
RETURNS double precision
LANGUAGE plpgsql AS $$
DECLARE
    -- As the local budget: the source sees a request later than we count it.
    length_of_minute CONSTANT interval := interval '61 seconds';
    oldest timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(7233008);
    IF per_minute IS NOT NULL THEN
        SELECT sent_at INTO oldest
        FROM api_requests
        WHERE plan = of_plan AND sent_at > clock_timestamp() - length_of_minute
        ORDER BY sent_at DESC
        OFFSET per_minute - 1 LIMIT 1;
        IF FOUND THEN
            RETURN extract(epoch FROM oldest + length_of_minute - clock_timestamp())
                ::double precision;
        END IF;
    END IF;
    -- It counts as one credit until it is known what it cost.
    INSERT INTO api_requests (request_id, sent_at, plan, credits)
    VALUES (request, clock_timestamp(), of_plan, 1)
    ON CONFLICT DO NOTHING;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION reserve_request(uuid, text, integer) IS
    'Takes a slot of a plan''s minute for a request, for all processes of this database: answers 0, or the seconds until one can be free.';

-- ---------------------------------------------------------------------------------------------
-- What is not to be had
-- ---------------------------------------------------------------------------------------------

CREATE TABLE history_refusals (
    crypto_id text NOT NULL,
    vs_currency text NOT NULL,
    plan text NOT NULL,
    refused_from timestamptz NOT NULL,
    refused_to timestamptz NOT NULL,
    reason text NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (crypto_id, vs_currency, plan, refused_from, refused_to),
    CONSTRAINT range_in_order CHECK (refused_from < refused_to)
);

-- ---------------------------------------------------------------------------------------------
-- Gaps
-- ---------------------------------------------------------------------------------------------

-- The hours of each coin and currency that a chart was asked for, as far as they were over then. An
-- answer that is empty up to now is that of a coin that is gone: it holds for a week, after which the
-- source is asked once more.
CREATE VIEW asked_history AS
SELECT crypto_id, vs_currency, range_agg(tstzrange(asked_from, asked_to)) AS asked
FROM (
    SELECT
        crypto_id,
        vs_currency,
        hour_floor(requested_from) AS asked_from,
        CASE
            WHEN points_fetched = 0 AND requested_to >= ingested_at - interval '2 hours'
            THEN hour_floor(ingested_at) + interval '168 hours'
            -- A request ends a second before the hour does.
            ELSE hour_floor(least(requested_to + interval '1 second', ingested_at))
        END AS asked_to
    FROM history_batches
    WHERE status = 'completed' AND origin = 'chart' AND coalesce(granularity_minutes, 60) <= 60
) AS ranges
WHERE asked_from < asked_to
GROUP BY crypto_id, vs_currency;

CREATE TABLE history_series (
    crypto_id text NOT NULL,
    vs_currency text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    first_hourly_day date,
    in_snapshots boolean NOT NULL,
    PRIMARY KEY (crypto_id, vs_currency)
);
CREATE INDEX ingestion_batches_newest ON ingestion_batches (vs_currency, ingested_at)
    WHERE status = 'completed';

-- What is expected of each coin and currency: days from the first one on; hours from the first day
-- with snapshots of more than two, which only a source that is asked every hour has. A coin that snapshots have
-- had is expected for as long as there are snapshots in that currency.
CREATE VIEW expected_history AS
SELECT
    s.crypto_id,
    s.vs_currency,
    tstzrange(
        s.first_day::timestamp AT TIME ZONE 'UTC',
        coalesce(
            s.first_hourly_day,
            greatest(s.last_day, (n.newest AT TIME ZONE 'UTC')::date) + 1
        )::timestamp AT TIME ZONE 'UTC'
    ) AS by_day,
    CASE WHEN h.first_hour IS NOT NULL THEN tstzrange(
        h.first_hour,
        greatest(h.last_hour + interval '1 hour', hour_floor(n.newest))
    ) END AS by_hour
FROM history_series AS s
LEFT JOIN LATERAL (
    SELECT b.ingested_at AS newest
    FROM ingestion_batches AS b
    WHERE s.in_snapshots AND b.vs_currency = s.vs_currency AND b.status = 'completed'
    ORDER BY b.ingested_at DESC
    LIMIT 1
) AS n ON true
CROSS JOIN LATERAL (
    SELECT
        (
            SELECT min(f.hour_start) FROM analytics.fact_crypto_price_hourly AS f
            WHERE f.crypto_id = s.crypto_id AND f.vs_currency = s.vs_currency
                AND f.hour_start >= s.first_hourly_day::timestamp AT TIME ZONE 'UTC'
                AND f.hour_start < (s.first_hourly_day + 1)::timestamp AT TIME ZONE 'UTC'
        ) AS first_hour,
        (
            SELECT max(f.hour_start) FROM analytics.fact_crypto_price_hourly AS f
            WHERE f.crypto_id = s.crypto_id AND f.vs_currency = s.vs_currency
                AND f.hour_start >= s.last_day::timestamp AT TIME ZONE 'UTC'
                AND f.hour_start < (s.last_day + 1)::timestamp AT TIME ZONE 'UTC'
        ) AS last_hour
) AS h;

CREATE FUNCTION gaps_between(range_start timestamptz, range_end timestamptz) RETURNS TABLE (
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
missing_hours AS (
    SELECT d.crypto_id, d.vs_currency, range_agg(
        tstzrange(t.hour_start, t.hour_start + interval '1 hour')
    ) AS missing
    FROM days AS d
    CROSS JOIN LATERAL generate_series(
        d.day_start, d.day_start + interval '23 hours', interval '1 hour'
    ) AS t (hour_start)
    WHERE d.hours < 24 AND d.by_hour @> t.hour_start
        AND NOT EXISTS (
            SELECT FROM analytics.fact_crypto_price_hourly AS f
            WHERE f.crypto_id = d.crypto_id AND f.vs_currency = d.vs_currency
                AND f.hour_start = t.hour_start
        )
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
-- Who may read the view does not have to see what it is made of.
REVOKE EXECUTE ON FUNCTION gaps_between(timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION gaps_between(timestamptz, timestamptz) IS
    'What is expected of the price history in a range of time and is not there, with what is known of why.';

CREATE VIEW analytics.v_gaps AS
SELECT * FROM gaps_between('-infinity', 'infinity');
