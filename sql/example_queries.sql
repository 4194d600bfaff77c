-- Questions that the warehouse answers. Each query stands alone; the tests run them all.

-- Latest prices, largest coins first
SELECT symbol, name, current_price, market_cap, last_updated, is_stale
FROM v_latest_prices
WHERE vs_currency = 'usd'
ORDER BY market_cap_rank NULLS LAST
LIMIT 20;

-- Price history of one coin
SELECT snapshot_time, current_price, total_volume
FROM v_price_history
WHERE crypto_id = 'bitcoin' AND vs_currency = 'usd'
ORDER BY snapshot_time DESC
LIMIT 100;

-- What deduplication and quarantine did
SELECT day, source, batches, records_fetched, records_duplicate, records_rejected
FROM v_deduplication_stats
ORDER BY day DESC;

-- What was rejected, and why
SELECT b.ingested_at, r.crypto_id, r.rules, r.reason
FROM rejected_records AS r
JOIN ingestion_batches AS b USING (batch_id)
ORDER BY b.ingested_at DESC, r.record_index
LIMIT 50;

-- Daily average, low and high of a coin, from the star schema
SELECT
    d.full_date,
    c.symbol,
    round(avg(f.current_price), 8) AS average_price,
    min(f.current_price) AS lowest_price,
    max(f.current_price) AS highest_price
FROM analytics.fact_crypto_price_metrics AS f
JOIN analytics.dim_date AS d USING (date_key)
JOIN analytics.dim_cryptocurrency AS c USING (crypto_key)
WHERE f.crypto_id = 'bitcoin' AND f.vs_currency = 'usd'
GROUP BY d.full_date, c.symbol
ORDER BY d.full_date, c.symbol;

-- Market capitalisation and volume by day, from each coin's first snapshot of the day
SELECT full_date, sum(market_cap) AS market_cap, sum(total_volume) AS volume
FROM (
    SELECT
        d.full_date, f.market_cap, f.total_volume,
        row_number() OVER (
            PARTITION BY d.full_date, f.crypto_id ORDER BY f.snapshot_time
        ) AS snapshot_of_day
    FROM analytics.fact_crypto_price_metrics AS f
    JOIN analytics.dim_date AS d USING (date_key)
    WHERE f.vs_currency = 'usd'
) AS daily
WHERE snapshot_of_day = 1
GROUP BY full_date
ORDER BY full_date;

-- The coins of each rank class that gained most on the newest day; v_top_movers has the losses too
SELECT r.rank_class, r.gain_position, d.symbol, d.name, CAST(100 * r.simple_return_1d AS decimal(20, 2)) AS percent
FROM analytics.mart_rankings_daily AS r
JOIN analytics.dim_cryptocurrency AS d ON d.crypto_id = r.crypto_id AND d.is_current
WHERE r.vs_currency = 'usd' AND r.gain_position <= 3
    AND r.day = (SELECT max(day) FROM analytics.mart_market_daily WHERE vs_currency = 'usd')
ORDER BY r.rank_class, r.gain_position;

-- Returns, volatility and drawdown of a coin by day; null where the day before is missing
SELECT
    day, close_price, simple_return_1d, realised_volatility_30d, drawdown, volume_ratio
FROM analytics.mart_coin_daily
WHERE crypto_id = 'bitcoin' AND vs_currency = 'usd'
ORDER BY day DESC
LIMIT 30;

-- How the return of an hour compares over five horizons
SELECT
    hour_start, simple_return_1h, simple_return_24h, simple_return_7d, simple_return_30d,
    simple_return_1y
FROM analytics.mart_returns_hourly
WHERE crypto_id = 'bitcoin' AND vs_currency = 'usd'
ORDER BY hour_start DESC
LIMIT 24;

-- Dominance and breadth of the market
SELECT day, market_cap, largest_id, largest_share, top_10_share, advancing, declining, at_peak
FROM analytics.mart_market_daily
WHERE vs_currency = 'usd'
ORDER BY day DESC
LIMIT 30;

-- Which of the largest coins move together
SELECT crypto_id, other_id, CAST(correlation AS decimal(20, 3)) AS correlation, common_days
FROM analytics.mart_correlations_daily
WHERE vs_currency = 'usd'
    AND day = (SELECT max(day) FROM analytics.mart_market_daily WHERE vs_currency = 'usd')
ORDER BY correlation DESC NULLS LAST, crypto_id, other_id
LIMIT 20;

-- Volatility by part of the day
SELECT
    t.part_of_day,
    round(avg(abs(f.price_change_pct_24h)), 3) AS average_change_percentage,
    count(*) AS observations
FROM analytics.fact_crypto_price_metrics AS f
JOIN analytics.dim_time AS t USING (time_key)
WHERE f.vs_currency = 'usd'
GROUP BY t.part_of_day
ORDER BY average_change_percentage DESC;

-- Weekday against weekend volume
SELECT d.is_weekend, round(avg(f.total_volume), 0) AS average_volume
FROM analytics.fact_crypto_price_metrics AS f
JOIN analytics.dim_date AS d USING (date_key)
WHERE f.vs_currency = 'usd'
GROUP BY d.is_weekend;

-- Coins that changed their symbol or name
SELECT crypto_id, symbol, name, valid_from, valid_to
FROM analytics.dim_cryptocurrency
WHERE crypto_id IN (
    SELECT crypto_id FROM analytics.dim_cryptocurrency GROUP BY crypto_id HAVING count(*) > 1
)
ORDER BY crypto_id, valid_from;

-- Where the data comes from
SELECT s.source_name, s.kind, count(*) AS facts
FROM analytics.fact_crypto_price_metrics AS f
JOIN analytics.dim_source AS s USING (source_key)
GROUP BY s.source_name, s.kind;
