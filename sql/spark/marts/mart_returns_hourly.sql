-- The returns of the hours that the candles of changed days reach; formulas and source: sql/marts. An alias
-- is PostgreSQL's: here one id is one coin.
MERGE INTO {lake}.mart_returns_hourly AS t
USING (
    WITH horizons AS (SELECT * FROM VALUES (1), (24), (168), (720), (8760) AS h (hours)),
    changed AS (
        SELECT f.crypto_id, f.vs_currency, f.hour_start
        FROM {lake}.fact_crypto_price_hourly AS f
        JOIN mart_days AS d
            ON d.crypto_id = f.crypto_id AND d.vs_currency = f.vs_currency
            AND d.day = CAST(f.hour_start AS DATE)
    ),
    reached AS (
        SELECT crypto_id, vs_currency, hour_start FROM changed
        UNION
        SELECT c.crypto_id, c.vs_currency, timestampadd(HOUR, h.hours, c.hour_start)
        FROM changed AS c CROSS JOIN horizons AS h
    ),
    closes AS (
        SELECT a.crypto_id, a.vs_currency, a.hour_start, CAST(f.close_price AS DOUBLE) AS close
        FROM reached AS a
        JOIN {lake}.fact_crypto_price_hourly AS f
            ON f.crypto_id = a.crypto_id AND f.vs_currency = a.vs_currency
            AND f.hour_start = a.hour_start
    ),
    based AS (
        SELECT
            c.crypto_id, c.vs_currency, c.hour_start, c.close, h.hours,
            timestampadd(HOUR, -h.hours, c.hour_start) AS base_start
        FROM closes AS c CROSS JOIN horizons AS h
    ),
    quotients AS (
        SELECT
            b.crypto_id, b.vs_currency, b.hour_start, b.hours,
            b.close / CAST(f.close_price AS DOUBLE) AS quotient
        FROM based AS b
        LEFT JOIN {lake}.fact_crypto_price_hourly AS f
            ON f.crypto_id = b.crypto_id AND f.vs_currency = b.vs_currency
            AND f.hour_start = b.base_start
    )
    SELECT
        crypto_id, vs_currency, hour_start,
        max(CASE WHEN hours = 1 THEN quotient - 1 END) AS simple_return_1h,
        max(CASE WHEN hours = 1 THEN ln(quotient) END) AS log_return_1h,
        max(CASE WHEN hours = 24 THEN quotient - 1 END) AS simple_return_24h,
        max(CASE WHEN hours = 24 THEN ln(quotient) END) AS log_return_24h,
        max(CASE WHEN hours = 168 THEN quotient - 1 END) AS simple_return_7d,
        max(CASE WHEN hours = 168 THEN ln(quotient) END) AS log_return_7d,
        max(CASE WHEN hours = 720 THEN quotient - 1 END) AS simple_return_30d,
        max(CASE WHEN hours = 720 THEN ln(quotient) END) AS log_return_30d,
        max(CASE WHEN hours = 8760 THEN quotient - 1 END) AS simple_return_1y,
        max(CASE WHEN hours = 8760 THEN ln(quotient) END) AS log_return_1y,
        current_timestamp() AS load_timestamp,
        date_format(hour_start, 'yyyy-MM') AS snapshot_month
    FROM quotients
    GROUP BY crypto_id, vs_currency, hour_start
) AS i
ON t.snapshot_month = i.snapshot_month AND t.crypto_id = i.crypto_id AND t.vs_currency = i.vs_currency
    AND t.hour_start = i.hour_start
WHEN MATCHED THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *
