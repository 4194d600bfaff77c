-- Returns of a coin up to the close of an hour, from the close of the hour that began 1 h, 24 h, 7 d, 30 d
-- and 1 y (365 d) before:
--     simple return = close / close before - 1
--     log return    = ln(close / close before)
-- Source: Campbell, Lo and MacKinlay, The Econometrics of Financial Markets (1997), 1.4. The quotient is
-- exact as PostgreSQL divides decimals; a return is a double. Null across a gap: where there is no candle
-- of exactly that hour. Before a coin's first hour stand the hours of the id that it had before, if a
-- person has confirmed that (coin_aliases); any other id is another coin.
--
-- A candle reaches its own hour and the five hours that are measured from it; these are made anew.
CREATE TEMPORARY TABLE incoming_mart_returns_hourly ON COMMIT DROP AS
WITH reached AS (
    SELECT DISTINCT c.crypto_id, c.vs_currency, c.hour_start + h.hours * interval '1 hour' AS hour_start
    FROM (
        SELECT crypto_id, vs_currency, hour_start FROM changed_hours
        UNION ALL
        SELECT f.crypto_id, c.vs_currency, c.hour_start
        FROM changed_hours AS c JOIN coin_former_ids AS f ON f.former_id = c.crypto_id
    ) AS c
    CROSS JOIN (VALUES (0), (1), (24), (168), (720), (8760)) AS h (hours)
)
SELECT
    a.crypto_id, a.vs_currency, a.hour_start,
    max(r.quotient - 1) FILTER (WHERE r.hours = 1) AS simple_return_1h,
    max(ln(r.quotient)) FILTER (WHERE r.hours = 1) AS log_return_1h,
    max(r.quotient - 1) FILTER (WHERE r.hours = 24) AS simple_return_24h,
    max(ln(r.quotient)) FILTER (WHERE r.hours = 24) AS log_return_24h,
    max(r.quotient - 1) FILTER (WHERE r.hours = 168) AS simple_return_7d,
    max(ln(r.quotient)) FILTER (WHERE r.hours = 168) AS log_return_7d,
    max(r.quotient - 1) FILTER (WHERE r.hours = 720) AS simple_return_30d,
    max(ln(r.quotient)) FILTER (WHERE r.hours = 720) AS log_return_30d,
    max(r.quotient - 1) FILTER (WHERE r.hours = 8760) AS simple_return_1y,
    max(ln(r.quotient)) FILTER (WHERE r.hours = 8760) AS log_return_1y
FROM reached AS a
-- Hour by hour, so that only the months of the hours are read.
CROSS JOIN LATERAL (
    SELECT f.close_price
    FROM pruned_fact_crypto_price_hourly AS f
    WHERE f.crypto_id = a.crypto_id AND f.vs_currency = a.vs_currency AND f.hour_start = a.hour_start
) AS c
CROSS JOIN LATERAL (
    SELECT
        h.hours,
        -- Of a quotient that is zero to a thousand decimals there is no logarithm.
        nullif(to_double(c.close_price / coalesce(
            (
                SELECT f.close_price
                FROM pruned_fact_crypto_price_hourly AS f
                WHERE f.crypto_id = a.crypto_id AND f.vs_currency = a.vs_currency
                    AND f.hour_start = a.hour_start - h.hours * interval '1 hour'
            ),
            (
                SELECT f.close_price
                FROM coin_former_ids AS i
                JOIN pruned_fact_crypto_price_hourly AS f ON f.crypto_id = i.former_id
                WHERE i.crypto_id = a.crypto_id AND f.vs_currency = a.vs_currency
                    AND f.hour_start = a.hour_start - h.hours * interval '1 hour'
                ORDER BY i.steps, i.former_id
                LIMIT 1
            )
        )), 0) AS quotient
    FROM (VALUES (1), (24), (168), (720), (8760)) AS h (hours)
) AS r
GROUP BY a.crypto_id, a.vs_currency, a.hour_start;
ANALYZE incoming_mart_returns_hourly;
