-- The correlations of a currency from its first changed day on; formula and source: sql/marts.
MERGE INTO {lake}.mart_correlations_daily AS t
USING (
    WITH markets AS (
        SELECT vs_currency, min(day) AS first_day FROM mart_days GROUP BY vs_currency
    ),
    largest AS (
        SELECT r.vs_currency, r.day, r.cap_position, r.crypto_id
        FROM {lake}.mart_rankings_daily AS r
        JOIN markets AS c ON c.vs_currency = r.vs_currency AND r.day >= c.first_day
        WHERE r.cap_position <= 20
    ),
    returns AS (
        SELECT l.vs_currency, l.day, l.cap_position, m.day AS return_day, m.log_return_1d
        FROM largest AS l
        JOIN {lake}.mart_coin_daily AS m
            ON m.crypto_id = l.crypto_id AND m.vs_currency = l.vs_currency
            AND m.day BETWEEN date_sub(l.day, 89) AND l.day
        WHERE m.log_return_1d IS NOT NULL
    ),
    pairs AS (
        SELECT
            a.vs_currency, a.day, a.cap_position, b.cap_position AS other_position,
            CASE WHEN count(*) > 1 AND stddev_samp(a.log_return_1d) > 0
                AND stddev_samp(b.log_return_1d) > 0
                THEN corr(a.log_return_1d, b.log_return_1d)
            END AS coefficient,
            CAST(count(*) AS INT) AS common_days
        FROM returns AS a
        JOIN returns AS b
            ON b.vs_currency = a.vs_currency AND b.day = a.day AND b.return_day = a.return_day
            AND b.cap_position > a.cap_position
        GROUP BY a.vs_currency, a.day, a.cap_position, b.cap_position
    )
    SELECT
        a.vs_currency, a.day, a.cap_position, b.cap_position AS other_position, a.crypto_id,
        b.crypto_id AS other_id,
        CASE WHEN p.coefficient > 1 THEN CAST(1 AS DOUBLE)
            WHEN p.coefficient < -1 THEN CAST(-1 AS DOUBLE) ELSE p.coefficient END AS correlation,
        coalesce(p.common_days, 0) AS common_days,
        current_timestamp() AS load_timestamp
    FROM largest AS a
    JOIN largest AS b
        ON b.vs_currency = a.vs_currency AND b.day = a.day AND b.cap_position > a.cap_position
    LEFT JOIN pairs AS p
        ON p.vs_currency = a.vs_currency AND p.day = a.day AND p.cap_position = a.cap_position
        AND p.other_position = b.cap_position
) AS i
ON t.vs_currency = i.vs_currency AND t.day = i.day AND t.cap_position = i.cap_position
    AND t.other_position = i.other_position
WHEN MATCHED THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *
