-- an hour whose price jumped far beyond what is usual for the coin
-- The modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993) over the
-- logarithmic returns from hour to hour of the 30 days before: 0.6745 * (return - median) / MAD. They
-- suggest 3.5; prices of coins have fatter tails, so it is 12 here, and at least 5 %. In a check of all
-- hours, those of the newest day.
WITH bounds AS (
    SELECT greatest(s.range_start, n.newest - interval '24 hours') AS judged_from, s.range_end
    FROM check_scope AS s
    CROSS JOIN (
        SELECT (max(last_day) + 1)::timestamp AT TIME ZONE 'UTC' AS newest FROM history_series
    ) AS n
),
-- Few series move that much: what is usual is asked of these only.
moved AS MATERIALIZED (
    SELECT DISTINCT crypto_id, vs_currency
    FROM (
        SELECT
            f.crypto_id, f.vs_currency, f.hour_start - lag(f.hour_start) OVER series AS distance,
            abs(
                ln(f.close_price::double precision)
                    - ln((lag(f.close_price) OVER series)::double precision)
            ) AS log_return
        FROM pruned_fact_crypto_price_hourly AS f
        WHERE f.hour_start >= (SELECT judged_from - interval '1 hour' FROM bounds)
            AND f.hour_start < (SELECT range_end FROM bounds)
        WINDOW series AS (PARTITION BY f.crypto_id, f.vs_currency ORDER BY f.hour_start)
    ) AS newest
    WHERE log_return > 0.05 AND distance = interval '1 hour'
),
returns AS (
    SELECT m.crypto_id, m.vs_currency, r.hour_start, r.log_return
    FROM moved AS m
    CROSS JOIN LATERAL (
        SELECT
            f.hour_start,
            CASE
                WHEN f.hour_start - lag(f.hour_start) OVER hours = interval '1 hour'
                THEN ln(f.close_price::double precision)
                    - ln((lag(f.close_price) OVER hours)::double precision)
            END AS log_return
        FROM pruned_fact_crypto_price_hourly AS f
        WHERE f.crypto_id = m.crypto_id AND f.vs_currency = m.vs_currency
            AND f.hour_start >= (SELECT judged_from - interval '30 days' FROM bounds)
            AND f.hour_start < (SELECT range_end FROM bounds)
        WINDOW hours AS (ORDER BY f.hour_start)
    ) AS r
),
usual AS (
    SELECT
        crypto_id, vs_currency,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY log_return) AS median
    FROM returns WHERE log_return IS NOT NULL
    GROUP BY crypto_id, vs_currency
    HAVING count(*) >= 24
),
spread AS (
    SELECT
        crypto_id, vs_currency, u.median,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(r.log_return - u.median)) AS deviation
    FROM returns AS r JOIN usual AS u USING (crypto_id, vs_currency)
    WHERE r.log_return IS NOT NULL
    GROUP BY crypto_id, vs_currency, u.median
)
SELECT
    r.crypto_id, r.vs_currency, r.hour_start,
    round((exp(r.log_return) - 1)::numeric * 100, 2) AS change_pct,
    round((0.6745 * (r.log_return - s.median) / nullif(s.deviation, 0))::numeric, 1) AS z_score
FROM returns AS r JOIN spread AS s USING (crypto_id, vs_currency)
WHERE r.hour_start >= (SELECT judged_from FROM bounds)
    AND abs(r.log_return) > 0.05
    AND 0.6745 * abs(r.log_return - s.median) > 12 * s.deviation
