-- Return, volatility, drawdown and volume of a coin on a day. All but the two prices and the volume are
-- statistics, in double precision.
--     simple_return_1d        = close / close of the day before - 1; null where that day has no candle
--     log_return_1d           = ln(close / close of the day before)
--     realised_variance       = sum of the squares of the day's hourly log returns. Source: Andersen,
--                               Bollerslev, Diebold and Labys, Modeling and Forecasting Realized
--                               Volatility, Econometrica 71 (2003)
--     realised_volatility_1d  = sqrt(8760 / hourly_returns * realised_variance): a year has 8,760 hours
--     realised_volatility_30d = the same of the 30 days up to this one
--     volatility_30d          = sqrt(365) * sample standard deviation of the log returns of the 30 days up
--                               to this one, daily_returns_30d of which are known. Source: Hull, Options,
--                               Futures, and Other Derivatives, "Estimating volatility from historical
--                               data"; coins are traded on 365 days
--     drawdown                = close / highest close so far - 1; max_drawdown the deepest so far. Source:
--                               Magdon-Ismail and Atiya, Maximum Drawdown, Risk 17 (2004)
--     volume_ratio            = volume / median of the volumes of the 30 days before this one
-- Before a coin's first day stand the days of the id that it had before, as for the hourly returns.
--
-- A day that changes reaches all days after it: made anew are the days of changed_series. What lies
-- before is taken from the 30 days before them and from the row before them.
CREATE TEMPORARY TABLE incoming_mart_coin_daily ON COMMIT DROP AS
WITH ids AS (
    SELECT crypto_id, vs_currency, first_day, crypto_id AS of_id, 0 AS steps FROM changed_series
    UNION ALL
    SELECT s.crypto_id, s.vs_currency, s.first_day, f.former_id, f.steps
    FROM changed_series AS s JOIN coin_former_ids AS f USING (crypto_id)
),
before AS MATERIALIZED (
    SELECT DISTINCT ON (i.crypto_id, i.vs_currency)
        i.crypto_id, i.vs_currency, m.peak_price, m.max_drawdown
    FROM ids AS i
    CROSS JOIN LATERAL (
        SELECT d.peak_price, d.max_drawdown
        FROM analytics.mart_coin_daily AS d
        WHERE d.crypto_id = i.of_id AND d.vs_currency = i.vs_currency AND d.day < i.first_day
        ORDER BY d.day DESC
        LIMIT 1
    ) AS m
    ORDER BY i.crypto_id, i.vs_currency, i.steps, i.of_id
),
candles AS (
    SELECT DISTINCT ON (i.crypto_id, i.vs_currency, f.day)
        i.crypto_id, i.vs_currency, i.first_day, i.of_id, i.steps, f.day, f.close_price, f.total_volume
    FROM ids AS i
    -- Series by series, for which OFFSET stands: a hash join would read all days of all coins.
    CROSS JOIN LATERAL (
        SELECT d.day, d.close_price, d.total_volume
        FROM analytics.fact_crypto_price_daily AS d
        WHERE d.crypto_id = i.of_id AND d.vs_currency = i.vs_currency AND d.day >= i.first_day - 31
        OFFSET 0
    ) AS f
    ORDER BY i.crypto_id, i.vs_currency, f.day, i.steps, i.of_id
),
returns AS (
    SELECT
        c.*,
        CASE WHEN lag(c.day) OVER in_time = c.day - 1
            THEN nullif(to_double(c.close_price / lag(c.close_price) OVER in_time), 0)
        END AS quotient,
        coalesce(h.hourly_returns, 0) AS hourly_returns, h.realised_variance
    FROM candles AS c
    CROSS JOIN LATERAL (
        -- What lies before the changed days is known.
        SELECT m.hourly_returns, m.realised_variance
        FROM analytics.mart_coin_daily AS m
        WHERE c.day < c.first_day
            AND m.crypto_id = c.of_id AND m.vs_currency = c.vs_currency AND m.day = c.day
        UNION ALL
        SELECT count(r.log_return_1h)::integer, sum(r.log_return_1h ^ 2 ORDER BY r.hour_start)
        FROM analytics.mart_returns_hourly AS r
        WHERE c.day >= c.first_day
            AND r.crypto_id = c.of_id AND r.vs_currency = c.vs_currency
            AND r.hour_start >= c.day::timestamp AT TIME ZONE 'UTC'
            AND r.hour_start < (c.day + 1)::timestamp AT TIME ZONE 'UTC'
        HAVING c.day >= c.first_day
    ) AS h
    WINDOW in_time AS (PARTITION BY c.crypto_id, c.vs_currency ORDER BY c.day)
),
windows AS (
    SELECT
        r.*,
        sum(r.realised_variance) OVER of_30_days AS variance_30d,
        sum(r.hourly_returns) OVER of_30_days AS hourly_returns_30d,
        (count(r.quotient) OVER of_30_days)::integer AS daily_returns_30d,
        sqrt(365) * stddev_samp(ln(r.quotient)) OVER of_30_days AS volatility_30d,
        greatest(
            b.peak_price, max(r.close_price) FILTER (WHERE r.day >= r.first_day) OVER so_far
        ) AS peak_price,
        b.max_drawdown AS max_drawdown_before
    FROM returns AS r
    LEFT JOIN before AS b USING (crypto_id, vs_currency)
    WINDOW
        of_30_days AS (
            PARTITION BY r.crypto_id, r.vs_currency ORDER BY r.day
            RANGE BETWEEN interval '29 days' PRECEDING AND CURRENT ROW
        ),
        so_far AS (PARTITION BY r.crypto_id, r.vs_currency ORDER BY r.day)
),
falls AS (
    SELECT w.*, to_double(w.close_price / w.peak_price) - 1 AS drawdown
    FROM windows AS w
    WHERE w.day >= w.first_day
),
deepest AS (
    SELECT f.*, least(f.max_drawdown_before, min(f.drawdown) OVER so_far) AS max_drawdown
    FROM falls AS f
    WINDOW so_far AS (PARTITION BY f.crypto_id, f.vs_currency ORDER BY f.day)
)
SELECT
    d.crypto_id, d.vs_currency, d.day, d.close_price,
    d.quotient - 1 AS simple_return_1d,
    ln(d.quotient) AS log_return_1d,
    d.hourly_returns,
    d.realised_variance,
    sqrt(8760.0::double precision / nullif(d.hourly_returns, 0) * d.realised_variance)
        AS realised_volatility_1d,
    sqrt(8760.0::double precision / nullif(d.hourly_returns_30d, 0) * d.variance_30d)
        AS realised_volatility_30d,
    d.daily_returns_30d, d.volatility_30d, d.peak_price, d.drawdown, d.max_drawdown, d.total_volume,
    v.median AS volume_median_30d,
    to_double(d.total_volume / nullif(v.median, 0)::numeric) AS volume_ratio
FROM deepest AS d
CROSS JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY to_double(f.total_volume)) AS median
    FROM analytics.fact_crypto_price_daily AS f
    WHERE f.crypto_id = d.crypto_id AND f.vs_currency = d.vs_currency
        AND f.day BETWEEN d.day - 30 AND d.day - 1
) AS v
WHERE d.steps = 0;
ANALYZE incoming_mart_coin_daily;
