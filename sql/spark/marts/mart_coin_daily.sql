-- The days of a coin from its first changed one on, of all its days; formulas and sources: sql/marts.
MERGE INTO {lake}.mart_coin_daily AS t
USING (
    WITH series AS (
        SELECT crypto_id, vs_currency, min(day) AS first_day
        FROM mart_days
        GROUP BY crypto_id, vs_currency
    ),
    candles AS (
        SELECT f.crypto_id, f.vs_currency, s.first_day, f.day, f.close_price, f.total_volume
        FROM series AS s
        JOIN {lake}.fact_crypto_price_daily AS f
            ON f.crypto_id = s.crypto_id AND f.vs_currency = s.vs_currency
    ),
    hours AS (
        SELECT
            r.crypto_id, r.vs_currency, CAST(r.hour_start AS DATE) AS day,
            CAST(count(r.log_return_1h) AS INT) AS hourly_returns,
            sum(power(r.log_return_1h, 2)) AS realised_variance
        FROM {lake}.mart_returns_hourly AS r
        JOIN series AS s ON s.crypto_id = r.crypto_id AND s.vs_currency = r.vs_currency
        GROUP BY r.crypto_id, r.vs_currency, CAST(r.hour_start AS DATE)
    ),
    volumes AS (
        SELECT c.crypto_id, c.vs_currency, c.day, percentile(CAST(v.total_volume AS DOUBLE), 0.5) AS median
        FROM candles AS c
        JOIN candles AS v
            ON v.crypto_id = c.crypto_id AND v.vs_currency = c.vs_currency
            AND v.day BETWEEN date_sub(c.day, 30) AND date_sub(c.day, 1)
        WHERE c.day >= c.first_day AND v.total_volume IS NOT NULL
        GROUP BY c.crypto_id, c.vs_currency, c.day
    ),
    returns AS (
        SELECT
            c.crypto_id, c.vs_currency, c.first_day, c.day, c.close_price, c.total_volume,
            -- A window over dates has another number of days in Sail 0.7.
            datediff(c.day, DATE '2000-01-01') AS day_number,
            CASE
                WHEN lag(c.day) OVER (PARTITION BY c.crypto_id, c.vs_currency ORDER BY c.day)
                    = date_sub(c.day, 1)
                THEN CAST(c.close_price AS DOUBLE) / CAST(
                    lag(c.close_price) OVER (PARTITION BY c.crypto_id, c.vs_currency ORDER BY c.day)
                    AS DOUBLE
                )
            END AS quotient,
            coalesce(h.hourly_returns, 0) AS hourly_returns,
            h.realised_variance,
            max(c.close_price) OVER (PARTITION BY c.crypto_id, c.vs_currency ORDER BY c.day) AS peak_price
        FROM candles AS c
        LEFT JOIN hours AS h
            ON h.crypto_id = c.crypto_id AND h.vs_currency = c.vs_currency AND h.day = c.day
    ),
    windows AS (
        SELECT
            r.*,
            CAST(r.close_price AS DOUBLE) / CAST(r.peak_price AS DOUBLE) - 1 AS drawdown,
            sum(r.realised_variance) OVER (
                PARTITION BY r.crypto_id, r.vs_currency ORDER BY r.day_number
                RANGE BETWEEN 29 PRECEDING AND CURRENT ROW
            ) AS variance_30d,
            sum(r.hourly_returns) OVER (
                PARTITION BY r.crypto_id, r.vs_currency ORDER BY r.day_number
                RANGE BETWEEN 29 PRECEDING AND CURRENT ROW
            ) AS hourly_returns_30d,
            count(r.quotient) OVER (
                PARTITION BY r.crypto_id, r.vs_currency ORDER BY r.day_number
                RANGE BETWEEN 29 PRECEDING AND CURRENT ROW
            ) AS daily_returns_30d,
            stddev_samp(ln(r.quotient)) OVER (
                PARTITION BY r.crypto_id, r.vs_currency ORDER BY r.day_number
                RANGE BETWEEN 29 PRECEDING AND CURRENT ROW
            ) AS deviation
        FROM returns AS r
    ),
    deepest AS (
        SELECT
            w.*,
            min(w.drawdown) OVER (PARTITION BY w.crypto_id, w.vs_currency ORDER BY w.day) AS max_drawdown
        FROM windows AS w
    )
    SELECT
        d.crypto_id, d.vs_currency, d.day, d.close_price,
        d.quotient - 1 AS simple_return_1d,
        ln(d.quotient) AS log_return_1d,
        d.hourly_returns,
        CASE WHEN d.hourly_returns > 0 THEN d.realised_variance END AS realised_variance,
        CASE WHEN d.hourly_returns > 0
            THEN sqrt(CAST(8760 AS DOUBLE) / d.hourly_returns * d.realised_variance)
        END AS realised_volatility_1d,
        CASE WHEN d.hourly_returns_30d > 0
            THEN sqrt(CAST(8760 AS DOUBLE) / d.hourly_returns_30d * d.variance_30d)
        END AS realised_volatility_30d,
        CAST(d.daily_returns_30d AS INT) AS daily_returns_30d,
        CASE WHEN d.daily_returns_30d > 1 THEN sqrt(CAST(365 AS DOUBLE)) * d.deviation END
            AS volatility_30d,
        d.peak_price, d.drawdown, d.max_drawdown, d.total_volume,
        v.median AS volume_median_30d,
        CASE WHEN v.median <> 0 THEN CAST(d.total_volume AS DOUBLE) / v.median END AS volume_ratio,
        current_timestamp() AS load_timestamp
    FROM deepest AS d
    LEFT JOIN volumes AS v
        ON v.crypto_id = d.crypto_id AND v.vs_currency = d.vs_currency AND v.day = d.day
    WHERE d.day >= d.first_day
) AS i
ON t.crypto_id = i.crypto_id AND t.vs_currency = i.vs_currency AND t.day = i.day
WHEN MATCHED THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *
