-- Of the hours that are expected of all coins and currencies: those that are there and those that are
-- missing, of the last 24 hours and of the last 30 days before a time.
WITH bounds AS (
    SELECT
        hour_floor(%(end)s::timestamptz) AS range_end,
        hour_floor(%(end)s::timestamptz) - interval '24 hours' AS day_start,
        day_floor(%(end)s::timestamptz) - interval '29 days' AS month_start
),
periods AS (
    SELECT p.period, p.since, b.range_end
    FROM bounds AS b
    CROSS JOIN LATERAL (
        VALUES ('last 24 hours', b.day_start), ('last 30 days', b.month_start)
    ) AS p (period, since)
),
expected AS (
    SELECT
        p.period, p.since,
        coalesce(sum(extract(epoch FROM upper(e.hours) - lower(e.hours))) / 3600, 0) AS hours
    FROM periods AS p
    LEFT JOIN LATERAL (
        SELECT h.by_hour * tstzrange(p.since, p.range_end) AS hours FROM expected_history AS h
    ) AS e ON NOT isempty(e.hours)
    GROUP BY p.period, p.since
),
-- Once, for both: each day that is not whole is looked into.
gaps AS MATERIALIZED (
    SELECT g.is_explained, g.gap_start, g.gap_end
    FROM bounds AS b, gaps_between(b.month_start, b.range_end) AS g
    WHERE g.grid = 'hour'
),
missing AS (
    SELECT
        p.period,
        coalesce(sum(g.hours), 0) AS hours,
        coalesce(sum(g.hours) FILTER (WHERE NOT g.is_explained), 0) AS not_asked_for
    FROM periods AS p
    LEFT JOIN LATERAL (
        SELECT
            is_explained,
            extract(epoch FROM gap_end - greatest(gap_start, p.since)) / 3600 AS hours
        FROM gaps
        WHERE gap_end > p.since
    ) AS g ON true
    GROUP BY p.period
)
SELECT
    e.period,
    (e.hours - m.hours)::bigint AS present,
    m.hours::bigint AS missing,
    m.not_asked_for::bigint AS not_asked_for
FROM expected AS e JOIN missing AS m USING (period)
ORDER BY e.since DESC
