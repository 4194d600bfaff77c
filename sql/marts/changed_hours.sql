-- The hours whose candles were written since the returns were made, oldest first: all of a statement
-- together, and so many as a transaction takes. Where an alias was confirmed or taken back, and no candle
-- is new any more, all hours of the coins that it concerns.
CREATE TEMPORARY TABLE mart_aliases ON COMMIT DROP AS
SELECT DISTINCT a.old_id, a.new_id
FROM coin_aliases AS a
WHERE greatest(a.confirmed_at, a.revoked_at)
    > coalesce((SELECT loaded_until FROM mart_progress WHERE made_of = 'coin_aliases'), '-infinity');

CREATE TEMPORARY TABLE mart_bounds ON COMMIT DROP AS
WITH pending AS (
    SELECT f.load_timestamp
    FROM analytics.fact_crypto_price_hourly AS f
    WHERE f.load_timestamp > coalesce(
        (SELECT loaded_until FROM mart_progress WHERE made_of = 'fact_crypto_price_hourly'), '-infinity'
    )
    ORDER BY f.load_timestamp
    LIMIT 250000
)
SELECT max(load_timestamp) AS loaded_until, count(*) < 250000 AS is_last FROM pending;

-- The coins whose past such an alias changes: that which goes on, and its successors.
CREATE TEMPORARY TABLE mart_renamed ON COMMIT DROP AS
SELECT new_id AS crypto_id FROM mart_aliases
UNION
SELECT f.crypto_id FROM mart_aliases AS a JOIN coin_former_ids AS f ON f.former_id = a.new_id;

CREATE TEMPORARY TABLE changed_hours ON COMMIT DROP AS
SELECT f.crypto_id, f.vs_currency, f.hour_start
FROM analytics.fact_crypto_price_hourly AS f
WHERE f.load_timestamp > coalesce(
        (SELECT loaded_until FROM mart_progress WHERE made_of = 'fact_crypto_price_hourly'), '-infinity'
    )
    AND f.load_timestamp <= (SELECT loaded_until FROM mart_bounds)
UNION
SELECT f.crypto_id, f.vs_currency, f.hour_start
FROM mart_renamed AS r JOIN analytics.fact_crypto_price_hourly AS f USING (crypto_id)
WHERE (SELECT is_last FROM mart_bounds);
ANALYZE changed_hours;

-- A return is measured from a year before, and measures until a year after.
SELECT create_pruned_candles(
    min(hour_start) - interval '365 days', max(hour_start) + interval '365 days'
) FROM changed_hours;
