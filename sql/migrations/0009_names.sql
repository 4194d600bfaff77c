-- The names of the warehouse's first description, in silver and gold alike, and what that has beyond
-- what was here: a source's first and last fetch, a coin's logo, the return on investment and the time
-- of loading of a fact. What a column means is in comments.sql.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

ALTER TABLE price_snapshots RENAME COLUMN price_change_percentage_24h TO price_change_pct_24h;
ALTER TABLE price_snapshots RENAME COLUMN ath_change_percentage TO ath_change_pct;
ALTER TABLE price_snapshots RENAME COLUMN atl_change_percentage TO atl_change_pct;
ALTER TABLE market_metrics
    RENAME COLUMN market_cap_change_percentage_24h TO market_cap_change_pct_24h;

ALTER TABLE analytics.fact_crypto_price_metrics
    RENAME COLUMN price_change_percentage_24h TO price_change_pct_24h;
ALTER TABLE analytics.fact_crypto_price_metrics
    RENAME COLUMN ath_change_percentage TO ath_change_pct;
ALTER TABLE analytics.fact_crypto_price_metrics
    RENAME COLUMN atl_change_percentage TO atl_change_pct;
ALTER TABLE analytics.fact_crypto_price_metrics
    RENAME COLUMN market_cap_change_percentage_24h TO market_cap_change_pct_24h;

-- A view follows its tables, but keeps the names that it gives to its columns.
ALTER VIEW v_price_history RENAME COLUMN price_change_percentage_24h TO price_change_pct_24h;
ALTER VIEW v_price_history RENAME COLUMN ath_change_percentage TO ath_change_pct;
ALTER VIEW v_price_history RENAME COLUMN atl_change_percentage TO atl_change_pct;
ALTER VIEW v_price_history
    RENAME COLUMN market_cap_change_percentage_24h TO market_cap_change_pct_24h;
ALTER VIEW v_latest_prices RENAME COLUMN price_change_percentage_24h TO price_change_pct_24h;

ALTER TABLE analytics.dim_date RENAME COLUMN date TO full_date;
ALTER TABLE analytics.dim_date RENAME COLUMN year TO calendar_year;
ALTER TABLE analytics.dim_date RENAME COLUMN quarter TO quarter_of_year;
ALTER TABLE analytics.dim_date RENAME COLUMN month TO month_of_year;
ALTER TABLE analytics.dim_date RENAME COLUMN day TO day_of_month;

ALTER TABLE analytics.dim_time RENAME COLUMN time_of_day TO full_time;
ALTER TABLE analytics.dim_time RENAME COLUMN hour TO hour_24;
ALTER TABLE analytics.dim_time RENAME COLUMN minute TO minute_of_hour;

ALTER TABLE analytics.dim_source RENAME COLUMN source TO source_name;
ALTER TABLE analytics.dim_source
    ADD COLUMN first_ingested_at timestamptz,
    ADD COLUMN last_ingested_at timestamptz,
    ADD CONSTRAINT ingested_in_order CHECK (first_ingested_at <= last_ingested_at);
UPDATE analytics.dim_source AS s
SET first_ingested_at = b.first_ingested_at, last_ingested_at = b.last_ingested_at
FROM (
    SELECT source, min(ingested_at) AS first_ingested_at, max(ingested_at) AS last_ingested_at
    FROM ingestion_batches
    WHERE status = 'completed' AND gold_loaded_at IS NOT NULL
    GROUP BY source
) AS b
WHERE b.source = s.source_name;

ALTER TABLE analytics.dim_cryptocurrency ADD COLUMN image_url text;
UPDATE analytics.dim_cryptocurrency AS d
SET image_url = c.image_url
FROM cryptocurrencies AS c
WHERE c.crypto_id = d.crypto_id;

-- The lake is told once, at the end, that all facts are others.
ALTER TABLE analytics.fact_crypto_price_metrics DISABLE TRIGGER lake_facts_changed;
ALTER TABLE analytics.fact_crypto_price_metrics
    ADD COLUMN roi_times numeric,
    ADD COLUMN roi_percentage numeric,
    ADD COLUMN load_timestamp timestamptz NOT NULL DEFAULT now();
UPDATE analytics.fact_crypto_price_metrics AS f
SET roi_times = m.roi_times, roi_percentage = m.roi_percentage, load_timestamp = b.gold_loaded_at
FROM market_metrics AS m, ingestion_batches AS b
WHERE (m.crypto_id, m.vs_currency, m.snapshot_time)
        = (f.crypto_id, f.vs_currency, f.snapshot_time)
    AND b.batch_id = f.batch_id;
ALTER TABLE analytics.fact_crypto_price_metrics ENABLE ALWAYS TRIGGER lake_facts_changed;
SELECT lake.start_over();
