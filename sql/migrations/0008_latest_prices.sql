-- The latest prices are looked up in gold: one table with months instead of two.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

-- A join of two tables with months is planned for each month of each, and asks both for every coin.
-- The facts have all that is shown. Nor is the end of the list of currencies a currency.
CREATE OR REPLACE VIEW v_latest_prices AS
WITH RECURSIVE newest_batch AS (
    SELECT max(ingested_at) AS ingested_at FROM ingestion_batches WHERE status = 'completed'
),
-- The distinct currencies, one index probe each: the cost does not grow with the batches.
currency AS (
    (SELECT vs_currency FROM ingestion_batches ORDER BY vs_currency LIMIT 1)
    UNION ALL
    SELECT (
        SELECT b.vs_currency FROM ingestion_batches AS b
        WHERE b.vs_currency > c.vs_currency ORDER BY b.vs_currency LIMIT 1
    )
    FROM currency AS c
    WHERE c.vs_currency IS NOT NULL
)
SELECT
    c.crypto_id,
    c.symbol,
    c.name,
    currency.vs_currency,
    latest.current_price,
    latest.price_change_percentage_24h,
    latest.market_cap,
    latest.market_cap_rank,
    latest.total_volume,
    latest.snapshot_time,
    latest.last_updated,
    latest.last_updated < newest_batch.ingested_at - interval '24 hours' AS is_stale
FROM newest_batch
JOIN currency ON currency.vs_currency IS NOT NULL
CROSS JOIN cryptocurrencies AS c
CROSS JOIN LATERAL (
    SELECT
        f.current_price, f.price_change_percentage_24h, f.snapshot_time, f.last_updated,
        f.market_cap, f.market_cap_rank, f.total_volume
    FROM analytics.fact_crypto_price_metrics AS f
    WHERE f.crypto_id = c.crypto_id AND f.vs_currency = currency.vs_currency
    ORDER BY f.snapshot_time DESC
    LIMIT 1
) AS latest;
COMMENT ON VIEW v_latest_prices IS
    'The newest price of every coin in every currency, as gold has it; is_stale marks a coin that the source has not updated for a day.';
