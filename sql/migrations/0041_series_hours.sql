-- A series knows its first and last hour: to look for them in the candles, the planner had to open every
-- month, each time that gaps were asked for.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

ALTER TABLE history_series ADD COLUMN first_hour timestamptz, ADD COLUMN last_hour timestamptz;
UPDATE history_series AS s SET
    first_hour = (
        SELECT min(f.hour_start) FROM analytics.fact_crypto_price_hourly AS f
        WHERE f.crypto_id = s.crypto_id AND f.vs_currency = s.vs_currency
            AND f.hour_start >= s.first_hourly_day::timestamp AT TIME ZONE 'UTC'
            AND f.hour_start < (s.first_hourly_day + 1)::timestamp AT TIME ZONE 'UTC'
    ),
    last_hour = (
        SELECT max(f.hour_start) FROM analytics.fact_crypto_price_hourly AS f
        WHERE f.crypto_id = s.crypto_id AND f.vs_currency = s.vs_currency
            AND f.hour_start >= s.last_day::timestamp AT TIME ZONE 'UTC'
            AND f.hour_start < (s.last_day + 1)::timestamp AT TIME ZONE 'UTC'
    );

-- What is expected of each coin and currency: days from the first one on; hours from the first day with
-- snapshots of more than two, which only a source that is asked every hour has. A coin that snapshots have
-- had is expected for as long as there are snapshots in that currency. Of one that goes on under another
-- id nothing is expected after its last price: that is expected of the other id, from there on.
CREATE OR REPLACE VIEW expected_history AS
WITH held AS (
    SELECT
        s.crypto_id, s.vs_currency, s.first_day, s.last_day, s.first_hourly_day, s.in_snapshots,
        s.first_hour, s.last_hour, coalesce(c.current_id, s.crypto_id) AS current_id
    FROM history_series AS s
    LEFT JOIN coin_current_ids AS c USING (crypto_id)
),
-- Where the ids that a coin had before end.
former AS (
    SELECT
        current_id AS crypto_id, vs_currency, bool_or(in_snapshots) AS in_snapshots,
        max(last_day) + 1 AS day_after,
        CASE WHEN bool_or(first_hour IS NOT NULL) THEN coalesce(
            max(last_hour) + interval '1 hour', (max(last_day) + 1)::timestamp AT TIME ZONE 'UTC'
        ) END AS hour_after
    FROM held
    WHERE current_id <> crypto_id
    GROUP BY current_id, vs_currency
),
series AS (
    SELECT
        crypto_id, vs_currency, h.first_day, h.last_day, h.first_hourly_day, h.first_hour, h.last_hour,
        coalesce(h.in_snapshots, false) OR coalesce(f.in_snapshots, false) AS goes_on,
        CASE WHEN f.hour_after IS NULL THEN f.day_after END AS day_after,
        f.hour_after
    FROM (SELECT * FROM held WHERE current_id = crypto_id) AS h
    FULL JOIN former AS f USING (crypto_id, vs_currency)
    UNION ALL
    SELECT
        crypto_id, vs_currency, first_day, last_day, first_hourly_day, first_hour, last_hour,
        false, NULL, NULL
    FROM held WHERE current_id <> crypto_id
),
bounds AS (
    SELECT
        s.crypto_id, s.vs_currency,
        least(s.first_day, s.day_after)::timestamp AT TIME ZONE 'UTC' AS days_from,
        coalesce(
            s.first_hourly_day,
            (s.hour_after AT TIME ZONE 'UTC')::date,
            greatest(s.last_day, (n.newest AT TIME ZONE 'UTC')::date) + 1
        )::timestamp AT TIME ZONE 'UTC' AS days_to,
        least(s.first_hour, s.hour_after) AS hours_from,
        coalesce(
            greatest(s.last_hour + interval '1 hour', hour_floor(n.newest)),
            (s.last_day + 1)::timestamp AT TIME ZONE 'UTC'
        ) AS hours_to
    FROM series AS s
    LEFT JOIN LATERAL (
        SELECT b.ingested_at AS newest
        FROM ingestion_batches AS b
        WHERE s.goes_on AND b.vs_currency = s.vs_currency AND b.status = 'completed'
        ORDER BY b.ingested_at DESC
        LIMIT 1
    ) AS n ON true
)
SELECT
    crypto_id, vs_currency,
    CASE WHEN days_from <= days_to THEN tstzrange(days_from, days_to) ELSE 'empty' END AS by_day,
    CASE WHEN hours_from <= hours_to THEN tstzrange(hours_from, hours_to) END AS by_hour
FROM bounds;
