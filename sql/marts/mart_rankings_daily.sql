-- Where a coin stands on a day among all coins that have a price in that currency.
--     cap_position     = place by market capitalisation, the largest first, those without one last
--     market_cap_share = its dominance: market capitalisation / that of all coins, a double
--     gain_position    = place by the return since the day before, the highest first, among the coins of
--                        its class (rank_class); loss_position the lowest first. Null without a return.
--                        To 12 decimals: beyond them a double is no statement
-- Dominance is what CoinGecko calls market_cap_percentage in /global, here of the coins held.
CREATE TEMPORARY TABLE incoming_mart_rankings_daily ON COMMIT DROP AS
WITH placed AS (
    SELECT
        f.vs_currency, f.day, f.crypto_id, f.market_cap, m.simple_return_1d,
        (row_number() OVER (
            PARTITION BY f.vs_currency, f.day ORDER BY f.market_cap DESC NULLS LAST, f.crypto_id
        ))::integer AS cap_position,
        to_double(
            f.market_cap / nullif(sum(f.market_cap) OVER (PARTITION BY f.vs_currency, f.day), 0)
        ) AS market_cap_share
    FROM changed_markets AS c
    JOIN analytics.fact_crypto_price_daily AS f ON f.vs_currency = c.vs_currency AND f.day = c.day
    JOIN analytics.mart_coin_daily AS m
        ON m.crypto_id = f.crypto_id AND m.vs_currency = f.vs_currency AND m.day = f.day
)
SELECT
    p.vs_currency, p.day, p.crypto_id, p.market_cap, p.cap_position,
    rank_class(p.cap_position) AS rank_class, p.market_cap_share, p.simple_return_1d,
    CASE WHEN p.simple_return_1d IS NOT NULL THEN (row_number() OVER (
        PARTITION BY p.vs_currency, p.day, rank_class(p.cap_position)
        ORDER BY round(p.simple_return_1d::numeric, 12) DESC NULLS LAST, p.crypto_id
    ))::integer END AS gain_position,
    CASE WHEN p.simple_return_1d IS NOT NULL THEN (row_number() OVER (
        PARTITION BY p.vs_currency, p.day, rank_class(p.cap_position)
        ORDER BY round(p.simple_return_1d::numeric, 12) NULLS LAST, p.crypto_id
    ))::integer END AS loss_position
FROM placed AS p;
ANALYZE incoming_mart_rankings_daily;
