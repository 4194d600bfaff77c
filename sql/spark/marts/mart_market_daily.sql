-- The market of a currency from its first changed day on; formulas and sources: sql/marts.
MERGE INTO {lake}.mart_market_daily AS t
USING (
    WITH markets AS (
        SELECT vs_currency, min(day) AS first_day FROM mart_days GROUP BY vs_currency
    ),
    summed AS (
        SELECT
            r.vs_currency, r.day,
            CAST(count(*) AS INT) AS coins,
            CAST(sum(r.market_cap) AS DECIMAL(38, 14)) AS market_cap,
            CAST(sum(d.total_volume) AS DECIMAL(38, 14)) AS total_volume,
            max(CASE WHEN r.cap_position = 1 THEN r.crypto_id END) AS largest_id,
            max(CASE WHEN r.cap_position = 1 THEN r.market_cap_share END) AS largest_share,
            sum(CASE WHEN r.cap_position <= 10 THEN r.market_cap_share END) AS top_10_share,
            sum(power(r.market_cap_share, 2)) AS concentration,
            CAST(sum(CASE WHEN r.simple_return_1d > 0 THEN 1 ELSE 0 END) AS INT) AS advancing,
            CAST(sum(CASE WHEN r.simple_return_1d < 0 THEN 1 ELSE 0 END) AS INT) AS declining,
            CAST(sum(CASE WHEN r.simple_return_1d = 0 THEN 1 ELSE 0 END) AS INT) AS unchanged,
            CAST(sum(CASE WHEN d.close_price = d.peak_price THEN 1 ELSE 0 END) AS INT) AS at_peak
        FROM {lake}.mart_rankings_daily AS r
        JOIN markets AS c ON c.vs_currency = r.vs_currency AND r.day >= c.first_day
        JOIN {lake}.mart_coin_daily AS d
            ON d.crypto_id = r.crypto_id AND d.vs_currency = r.vs_currency AND d.day = r.day
        GROUP BY r.vs_currency, r.day
    )
    SELECT
        s.vs_currency, s.day, s.coins, s.market_cap, s.total_volume, s.largest_id, s.largest_share,
        s.top_10_share, s.concentration, s.advancing, s.declining, s.unchanged,
        CASE WHEN s.advancing + s.declining > 0
            THEN CAST(s.advancing AS DOUBLE) / (s.advancing + s.declining)
        END AS advancing_share,
        s.at_peak,
        current_timestamp() AS load_timestamp
    FROM summed AS s
) AS i
ON t.vs_currency = i.vs_currency AND t.day = i.day
WHEN MATCHED THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *
