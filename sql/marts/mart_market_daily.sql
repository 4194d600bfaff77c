-- The market of a currency on a day: size, dominance and breadth of all coins that have a price.
--     market_cap, total_volume = sums of what is known; decimals
--     largest_share            = dominance of the largest coin, top_10_share of the ten largest
--     concentration            = Herfindahl-Hirschman index, the sum of the squared shares: 1 is a single
--                                coin. Source: Hirschman, The Paternity of an Index (1964)
--     advancing, declining     = coins whose close is above, below that of the day before. Source: Zweig,
--                                Winning on Wall Street (1986), on breadth
--     advancing_share          = advancing / (advancing + declining)
--     at_peak                  = coins that close at their highest so far
-- Shares and the index are doubles.
CREATE TEMPORARY TABLE incoming_mart_market_daily ON COMMIT DROP AS
SELECT
    m.*,
    m.advancing::double precision / nullif(m.advancing + m.declining, 0) AS advancing_share
FROM (
    SELECT
        r.vs_currency, r.day,
        count(*)::integer AS coins,
        sum(r.market_cap) AS market_cap,
        sum(d.total_volume) AS total_volume,
        min(r.crypto_id) FILTER (WHERE r.cap_position = 1) AS largest_id,
        min(r.market_cap_share) FILTER (WHERE r.cap_position = 1) AS largest_share,
        sum(r.market_cap_share ORDER BY r.cap_position) FILTER (WHERE r.cap_position <= 10)
            AS top_10_share,
        -- The square of a share below that is no double, and adds nothing.
        sum(CASE WHEN r.market_cap_share > 1e-150 THEN r.market_cap_share ^ 2 ELSE 0 END
            ORDER BY r.cap_position) FILTER (WHERE r.market_cap_share IS NOT NULL) AS concentration,
        (count(*) FILTER (WHERE r.simple_return_1d > 0))::integer AS advancing,
        (count(*) FILTER (WHERE r.simple_return_1d < 0))::integer AS declining,
        (count(*) FILTER (WHERE r.simple_return_1d = 0))::integer AS unchanged,
        (count(*) FILTER (WHERE d.close_price = d.peak_price))::integer AS at_peak
    FROM changed_markets AS c
    JOIN analytics.mart_rankings_daily AS r ON r.vs_currency = c.vs_currency AND r.day = c.day
    JOIN analytics.mart_coin_daily AS d
        ON d.crypto_id = r.crypto_id AND d.vs_currency = r.vs_currency AND d.day = r.day
    GROUP BY r.vs_currency, r.day
) AS m;
ANALYZE incoming_mart_market_daily;
