-- The series whose daily candles were written since the marts were made, each from its first such day on:
-- all that follows from a day lies after it. The successor of a coin changes with it.
CREATE TEMPORARY TABLE changed_candles ON COMMIT DROP AS
SELECT f.crypto_id, f.vs_currency, f.day, f.load_timestamp
FROM analytics.fact_crypto_price_daily AS f
WHERE f.load_timestamp > coalesce(
        (SELECT loaded_until FROM mart_progress WHERE made_of = 'fact_crypto_price_daily'), '-infinity'
    )
    -- Of a range with two ends the planner expects few rows, and asks the index.
    AND f.load_timestamp <= 'infinity';
ANALYZE changed_candles;

CREATE TEMPORARY TABLE changed_series ON COMMIT DROP AS
SELECT crypto_id, vs_currency, min(day) AS first_day
FROM (
    SELECT crypto_id, vs_currency, day FROM changed_candles
    UNION ALL
    SELECT f.crypto_id, c.vs_currency, c.day
    FROM changed_candles AS c JOIN coin_former_ids AS f ON f.former_id = c.crypto_id
    UNION ALL
    SELECT f.crypto_id, f.vs_currency, f.day
    FROM mart_renamed AS r JOIN analytics.fact_crypto_price_daily AS f USING (crypto_id)
) AS changed
GROUP BY crypto_id, vs_currency;
ANALYZE changed_series;
