-- Correlation of the daily log returns of each pair of the day's 20 largest coins, over the 90 days up to
-- the day: Pearson's coefficient, a double, of the common_days on which both have a return. Null where one
-- does not vary, or there are fewer than two such days. Source: Mantegna, Hierarchical structure in
-- financial markets, European Physical Journal B 11 (1999).
--
-- A day that changes reaches the 89 days after it. Joined are tables with statistics: of subqueries the
-- planner would expect a row or two, and compare each return with every other.
CREATE TEMPORARY TABLE largest_coins ON COMMIT DROP AS
SELECT d.vs_currency, d.day, r.cap_position, r.crypto_id
FROM (
    SELECT DISTINCT m.vs_currency, m.day
    FROM changed_markets AS c
    JOIN analytics.mart_market_daily AS m
        ON m.vs_currency = c.vs_currency AND m.day BETWEEN c.day AND c.day + 89
) AS d
JOIN analytics.mart_rankings_daily AS r ON r.vs_currency = d.vs_currency AND r.day = d.day
WHERE r.cap_position <= 20;
ANALYZE largest_coins;

CREATE TEMPORARY TABLE largest_returns ON COMMIT DROP AS
SELECT l.vs_currency, l.day, l.cap_position, m.day AS return_day, m.log_return_1d
FROM largest_coins AS l
JOIN analytics.mart_coin_daily AS m
    ON m.crypto_id = l.crypto_id AND m.vs_currency = l.vs_currency
    AND m.day BETWEEN l.day - 89 AND l.day
WHERE m.log_return_1d IS NOT NULL;
ANALYZE largest_returns;

CREATE TEMPORARY TABLE incoming_mart_correlations_daily ON COMMIT DROP AS
WITH pairs AS MATERIALIZED (
    SELECT
        a.vs_currency, a.day, a.cap_position, b.cap_position AS other_position,
        corr(a.log_return_1d, b.log_return_1d ORDER BY a.return_day) AS coefficient,
        count(*)::integer AS common_days
    FROM largest_returns AS a
    JOIN largest_returns AS b
        ON b.vs_currency = a.vs_currency AND b.day = a.day AND b.return_day = a.return_day
        AND b.cap_position > a.cap_position
    GROUP BY a.vs_currency, a.day, a.cap_position, b.cap_position
)
SELECT
    a.vs_currency, a.day, a.cap_position, b.cap_position AS other_position, a.crypto_id,
    b.crypto_id AS other_id,
    -- Where all is in line the sums may be rounded beyond 1.
    CASE WHEN abs(p.coefficient) > 1 THEN sign(p.coefficient) ELSE p.coefficient END AS correlation,
    coalesce(p.common_days, 0) AS common_days
FROM largest_coins AS a
JOIN largest_coins AS b
    ON b.vs_currency = a.vs_currency AND b.day = a.day AND b.cap_position > a.cap_position
LEFT JOIN pairs AS p
    ON p.vs_currency = a.vs_currency AND p.day = a.day AND p.cap_position = a.cap_position
    AND p.other_position = b.cap_position;
ANALYZE incoming_mart_correlations_daily;
