-- The rankings of a currency from its first changed day on; formulas and sources: sql/marts.
MERGE INTO {lake}.mart_rankings_daily AS t
USING (
    WITH markets AS (
        SELECT vs_currency, min(day) AS first_day FROM mart_days GROUP BY vs_currency
    ),
    placed AS (
        SELECT
            f.vs_currency, f.day, f.crypto_id, f.market_cap, m.simple_return_1d,
            CAST(row_number() OVER (
                PARTITION BY f.vs_currency, f.day ORDER BY f.market_cap DESC NULLS LAST, f.crypto_id
            ) AS INT) AS cap_position,
            CAST(sum(f.market_cap) OVER (PARTITION BY f.vs_currency, f.day) AS DOUBLE) AS total
        FROM {lake}.fact_crypto_price_daily AS f
        JOIN markets AS c ON c.vs_currency = f.vs_currency AND f.day >= c.first_day
        JOIN {lake}.mart_coin_daily AS m
            ON m.crypto_id = f.crypto_id AND m.vs_currency = f.vs_currency AND m.day = f.day
    ),
    classed AS (
        SELECT
            p.*,
            CASE
                WHEN p.cap_position <= 10 THEN '1-10'
                WHEN p.cap_position <= 50 THEN '11-50'
                WHEN p.cap_position <= 100 THEN '51-100'
                WHEN p.cap_position <= 250 THEN '101-250'
                ELSE '251+'
            END AS rank_class
        FROM placed AS p
    )
    SELECT
        c.vs_currency, c.day, c.crypto_id, c.market_cap, c.cap_position, c.rank_class,
        CASE WHEN c.total > 0 THEN CAST(c.market_cap AS DOUBLE) / c.total END AS market_cap_share,
        c.simple_return_1d,
        CASE WHEN c.simple_return_1d IS NOT NULL THEN CAST(row_number() OVER (
            PARTITION BY c.vs_currency, c.day, c.rank_class
            ORDER BY round(c.simple_return_1d, 12) DESC NULLS LAST, c.crypto_id
        ) AS INT) END AS gain_position,
        CASE WHEN c.simple_return_1d IS NOT NULL THEN CAST(row_number() OVER (
            PARTITION BY c.vs_currency, c.day, c.rank_class
            ORDER BY round(c.simple_return_1d, 12) NULLS LAST, c.crypto_id
        ) AS INT) END AS loss_position,
        current_timestamp() AS load_timestamp
    FROM classed AS c
) AS i
ON t.vs_currency = i.vs_currency AND t.day = i.day AND t.crypto_id = i.crypto_id
WHEN MATCHED THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *
