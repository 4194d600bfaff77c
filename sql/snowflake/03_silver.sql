-- Silver: the third normal form. Tables and columns are those of PostgreSQL, and mean the same: both
-- follow from the registry. Keys are declared for readers and planners: Snowflake enforces NOT NULL
-- alone, so the loads keep the keys and the checks look for what breaks them.
--
-- Snowflake's numbers end at 38 digits. Each kind of measure has the scale that the lake has
-- (crypto_pipeline/model/registry.py). A value that its column cannot hold is null there, and stands in
-- unrepresentable_values with all its digits.

CREATE TABLE IF NOT EXISTS silver.data_origin (
    -- [[[cog snowflake.definitions(DATA_ORIGIN) ]]]
    kind VARCHAR NOT NULL
        COMMENT 'live, sandbox (made up) or recorded (played back).'
    -- [[[end]]]
)
-- [[[cog snowflake.comment(DATA_ORIGIN.meaning, end=";") ]]]
COMMENT = 'The kind of data this database holds, set by its first batch: live, sandbox and recorded data never mix.';
-- [[[end]]]

CREATE TABLE IF NOT EXISTS silver.ingestion_batches (
    -- [[[cog snowflake.definitions(INGESTION_BATCHES, end=",") ]]]
    batch_id NUMBER(19,0) NOT NULL AUTOINCREMENT START 1 INCREMENT 1
        COMMENT 'Surrogate key.',
    landing_file VARCHAR NOT NULL
        COMMENT 'Path of the file in the landing zone; the business key.',
    file_sha256 VARCHAR
        COMMENT 'SHA-256 of the file''s text, unpacked, hexadecimal.',
    partition_hour TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'Hour (UTC) under which the file is kept: the Dagster partition.',
    source VARCHAR
        COMMENT 'Label of the data''s origin, from the file: CoinGecko, CoinGecko sandbox, CoinGecko recorded.',
    vs_currency VARCHAR
        COMMENT 'Currency of the prices (request parameter vs_currency); usd where the file does not say.',
    ingested_at TIMESTAMP_NTZ(6)
        COMMENT 'When the data was fetched, UTC.',
    request VARIANT NOT NULL
        COMMENT 'Request parameters as sent; never a key.',
    status VARCHAR NOT NULL
        COMMENT 'completed or failed; loading only inside the transaction that loads it.',
    error VARCHAR
        COMMENT 'Why the batch failed, or why its fetch ended early.',
    records_fetched NUMBER(10,0) NOT NULL
        COMMENT 'Records in the file.',
    records_loaded NUMBER(10,0) NOT NULL
        COMMENT 'Records that became a snapshot.',
    records_duplicate NUMBER(10,0) NOT NULL
        COMMENT 'Good records whose time bucket was already taken: first write wins.',
    records_rejected NUMBER(10,0) NOT NULL
        COMMENT 'Records in quarantine (rejected_records), but for those that were loaded since.',
    warnings VARIANT NOT NULL
        COMMENT 'Good records that break a warn rule, counted by rule.',
    schema_drift VARIANT NOT NULL
        COMMENT 'Records with an undocumented field or without a documented one, counted by field.',
    loaded_at TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'When this row was last written, UTC.',
    gold_loaded_at TIMESTAMP_NTZ(6)
        COMMENT 'When the batch reached the star schema, UTC; null while it is pending.',
    -- [[[end]]]
    PRIMARY KEY (batch_id),
    UNIQUE (landing_file)
)
-- [[[cog snowflake.comment(INGESTION_BATCHES.meaning, end=";") ]]]
COMMENT = 'One row for every landing file: where it came from, what became of its records.';
-- [[[end]]]

CREATE TABLE IF NOT EXISTS silver.cryptocurrencies (
    -- [[[cog snowflake.definitions(CRYPTOCURRENCIES, end=",") ]]]
    crypto_id VARCHAR NOT NULL
        COMMENT 'CoinGecko''s stable key of the coin (API field id).',
    symbol VARCHAR NOT NULL
        COMMENT 'Ticker symbol; several coins can share one (API field symbol).',
    name VARCHAR NOT NULL
        COMMENT 'Name of the coin (API field name).',
    image_url VARCHAR
        COMMENT 'URL of the logo (API field image).',
    first_seen_at TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'Time of the oldest file with the coin, UTC.',
    last_seen_at TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'Time of the newest file with the coin, UTC.',
    -- [[[end]]]
    PRIMARY KEY (crypto_id)
)
-- [[[cog snowflake.comment(CRYPTOCURRENCIES.meaning, end=";") ]]]
COMMENT = 'One row a coin, as its newest record describes it.';
-- [[[end]]]

CREATE TABLE IF NOT EXISTS silver.cryptocurrency_names (
    -- [[[cog snowflake.definitions(CRYPTOCURRENCY_NAMES, end=",") ]]]
    name_id NUMBER(10,0) NOT NULL AUTOINCREMENT START 1 INCREMENT 1
        COMMENT 'Surrogate key.',
    crypto_id VARCHAR NOT NULL
        COMMENT 'CoinGecko''s stable key of the coin (API field id).',
    symbol VARCHAR NOT NULL
        COMMENT 'Ticker symbol; several coins can share one (API field symbol).',
    name VARCHAR NOT NULL
        COMMENT 'Name of the coin (API field name).',
    -- [[[end]]]
    UNIQUE (crypto_id, symbol, name),
    PRIMARY KEY (name_id),
    FOREIGN KEY (crypto_id) REFERENCES silver.cryptocurrencies (crypto_id)
)
-- [[[cog snowflake.comment(CRYPTOCURRENCY_NAMES.meaning, end=";") ]]]
COMMENT = 'Every (symbol, name) under which a coin was ever listed; each snapshot points at the one it carried, which is what the history in dim_cryptocurrency is made of.';
-- [[[end]]]

CREATE TABLE IF NOT EXISTS silver.price_snapshots (
    -- [[[cog snowflake.definitions(PRICE_SNAPSHOTS, end=",") ]]]
    crypto_id VARCHAR NOT NULL
        COMMENT 'CoinGecko''s stable key of the coin (API field id).',
    vs_currency VARCHAR NOT NULL
        COMMENT 'Currency of all amounts of the row.',
    snapshot_time TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'Time bucket, UTC: last_updated rounded to five minutes.',
    last_updated TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'When CoinGecko says the price was current, UTC (API field last_updated).',
    name_id NUMBER(10,0) NOT NULL
        COMMENT 'The symbol and name the record carried.',
    batch_id NUMBER(19,0) NOT NULL
        COMMENT 'The batch (landing file) the row comes from.',
    record_index NUMBER(10,0) NOT NULL
        COMMENT 'Position of the record in its landing file, from 0.',
    current_price NUMBER(38,26)
        COMMENT 'Price, in vs_currency (API field current_price).',
    high_24h NUMBER(38,26)
        COMMENT 'Highest price of the last 24 hours, in vs_currency (API field high_24h).',
    low_24h NUMBER(38,26)
        COMMENT 'Lowest price of the last 24 hours, in vs_currency (API field low_24h).',
    price_change_24h NUMBER(38,26)
        COMMENT 'Change of the price in 24 hours, in vs_currency (API field price_change_24h).',
    price_change_pct_24h NUMBER(38,14)
        COMMENT 'Change of the price in 24 hours, in percent (API field price_change_percentage_24h).',
    ath NUMBER(38,26)
        COMMENT 'All-time high, in vs_currency (API field ath).',
    ath_change_pct NUMBER(38,14)
        COMMENT 'Distance of the price from the all-time high, in percent (API field ath_change_percentage).',
    ath_date TIMESTAMP_NTZ(6)
        COMMENT 'When the all-time high was, UTC (API field ath_date).',
    atl NUMBER(38,26)
        COMMENT 'All-time low, in vs_currency (API field atl).',
    atl_change_pct NUMBER(38,14)
        COMMENT 'Distance of the price from the all-time low, in percent (API field atl_change_percentage).',
    atl_date TIMESTAMP_NTZ(6)
        COMMENT 'When the all-time low was, UTC (API field atl_date).',
    -- [[[end]]]
    PRIMARY KEY (crypto_id, vs_currency, snapshot_time),
    FOREIGN KEY (crypto_id) REFERENCES silver.cryptocurrencies (crypto_id),
    FOREIGN KEY (name_id) REFERENCES silver.cryptocurrency_names (name_id),
    FOREIGN KEY (batch_id) REFERENCES silver.ingestion_batches (batch_id)
)
CLUSTER BY (DATE_TRUNC('MONTH', snapshot_time))
-- [[[cog snowflake.comment(PRICE_SNAPSHOTS.meaning, end=";") ]]]
COMMENT = 'The price of a coin in a five-minute bucket; the first record of a bucket wins.';
-- [[[end]]]

CREATE TABLE IF NOT EXISTS silver.market_metrics (
    -- [[[cog snowflake.definitions(MARKET_METRICS, end=",") ]]]
    crypto_id VARCHAR NOT NULL
        COMMENT 'CoinGecko''s stable key of the coin (API field id).',
    vs_currency VARCHAR NOT NULL
        COMMENT 'Currency of all amounts of the row.',
    snapshot_time TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'Time bucket, UTC: last_updated rounded to five minutes.',
    market_cap NUMBER(38,14)
        COMMENT 'Market capitalisation, in vs_currency (API field market_cap).',
    market_cap_rank NUMBER(10,0)
        COMMENT 'Rank by market capitalisation, 1 the largest (API field market_cap_rank).',
    fully_diluted_valuation NUMBER(38,14)
        COMMENT 'Price times the largest possible supply, in vs_currency (API field fully_diluted_valuation).',
    total_volume NUMBER(38,14)
        COMMENT 'Trading volume of the last 24 hours, in vs_currency (API field total_volume).',
    market_cap_change_24h NUMBER(38,14)
        COMMENT 'Change of the market capitalisation in 24 hours, in vs_currency (API field market_cap_change_24h).',
    market_cap_change_pct_24h NUMBER(38,14)
        COMMENT 'Change of the market capitalisation in 24 hours, in percent (API field market_cap_change_percentage_24h).',
    circulating_supply NUMBER(38,8)
        COMMENT 'Units in circulation, in coins (API field circulating_supply).',
    total_supply NUMBER(38,8)
        COMMENT 'Units that exist, in coins (API field total_supply).',
    max_supply NUMBER(38,8)
        COMMENT 'Units that can ever exist, in coins; null if unlimited (API field max_supply).',
    roi_times NUMBER(38,14)
        COMMENT 'Return since the initial sale, as a multiple (API field roi.times).',
    roi_currency VARCHAR
        COMMENT 'Currency of the return since the initial sale (API field roi.currency).',
    roi_percentage NUMBER(38,14)
        COMMENT 'Return since the initial sale, in percent (API field roi.percentage).',
    market_cap_rank_with_rehypothecated NUMBER(10,0)
        COMMENT 'Rank by market capitalisation among all coins, those too that stand for others; null unless COINGECKO_INCLUDE_REHYPOTHECATED asked for it (API field market_cap_rank_with_rehypothecated).',
    -- [[[end]]]
    PRIMARY KEY (crypto_id, vs_currency, snapshot_time),
    FOREIGN KEY (crypto_id, vs_currency, snapshot_time) REFERENCES silver.price_snapshots (crypto_id, vs_currency, snapshot_time)
)
CLUSTER BY (DATE_TRUNC('MONTH', snapshot_time))
-- [[[cog snowflake.comment(MARKET_METRICS.meaning, end=";") ]]]
COMMENT = 'Market size and supply of a coin, one row for every price snapshot.';
-- [[[end]]]

CREATE TABLE IF NOT EXISTS silver.rejected_records (
    -- [[[cog snowflake.definitions(REJECTED_RECORDS, end=",") ]]]
    batch_id NUMBER(19,0) NOT NULL
        COMMENT 'The batch (landing file) the row comes from.',
    record_index NUMBER(10,0) NOT NULL
        COMMENT 'Position of the record in its landing file, from 0.',
    crypto_id VARCHAR
        COMMENT 'The coin, where the record says (API field id).',
    rules ARRAY NOT NULL
        COMMENT 'Names of all reject rules that the record breaks.',
    reason VARCHAR NOT NULL
        COMMENT 'What is wrong with the record, in words.',
    record VARCHAR NOT NULL
        COMMENT 'The record''s values as received, as JSON; bronze.landing_files has its bytes.',
    rejected_at TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'When the record was put in quarantine, UTC.',
    -- [[[end]]]
    PRIMARY KEY (batch_id, record_index),
    FOREIGN KEY (batch_id) REFERENCES silver.ingestion_batches (batch_id)
)
-- [[[cog snowflake.comment(REJECTED_RECORDS.meaning, end=";") ]]]
COMMENT = 'Quarantine: every record that broke a reject rule, as received, with the reason.';
-- [[[end]]]

CREATE TABLE IF NOT EXISTS silver.unrepresentable_values (
    batch_id NUMBER(19,0) NOT NULL
        COMMENT 'The landing file the value is in.',
    record_index NUMBER(10,0) NOT NULL
        COMMENT 'Position of the record in its landing file, from 0.',
    crypto_id VARCHAR NOT NULL
        COMMENT 'The coin (API field id).',
    vs_currency VARCHAR NOT NULL
        COMMENT 'Currency of the record.',
    snapshot_time TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'Time bucket, UTC.',
    column_name VARCHAR NOT NULL
        COMMENT 'The column of price_snapshots or market_metrics that is null instead.',
    exact_value VARCHAR NOT NULL
        COMMENT 'All digits, without an exponent.',
    reason VARCHAR NOT NULL
        COMMENT 'Why the column cannot hold the value.',
    PRIMARY KEY (crypto_id, vs_currency, snapshot_time, column_name)
)
COMMENT = 'One row for every value of a snapshot that its column cannot hold; never a silent zero.';

CREATE OR REPLACE VIEW silver.v_price_history
-- [[[cog snowflake.comment(VIEWS["v_price_history"]) ]]]
COMMENT = 'Every snapshot with its metrics, the symbol and name of its time, and where it came from.'
-- [[[end]]]
AS
SELECT
    s.crypto_id,
    n.symbol,
    n.name,
    s.vs_currency,
    s.snapshot_time,
    s.last_updated,
    b.ingested_at,
    b.source,
    b.landing_file,
    s.batch_id,
    s.record_index,
    -- [[[cog columns(PRICE_MEASURES, "s.{}", end=",", one_per_line=True) ]]]
    s.current_price,
    s.high_24h,
    s.low_24h,
    s.price_change_24h,
    s.price_change_pct_24h,
    s.ath,
    s.ath_change_pct,
    s.ath_date,
    s.atl,
    s.atl_change_pct,
    s.atl_date,
    -- [[[end]]]
    -- [[[cog columns(METRIC_MEASURES, "m.{}", one_per_line=True) ]]]
    m.market_cap,
    m.market_cap_rank,
    m.fully_diluted_valuation,
    m.total_volume,
    m.market_cap_change_24h,
    m.market_cap_change_pct_24h,
    m.circulating_supply,
    m.total_supply,
    m.max_supply,
    m.roi_times,
    m.roi_currency,
    m.roi_percentage,
    m.market_cap_rank_with_rehypothecated
    -- [[[end]]]
FROM silver.price_snapshots AS s
JOIN silver.market_metrics AS m
    ON m.crypto_id = s.crypto_id
    AND m.vs_currency = s.vs_currency
    AND m.snapshot_time = s.snapshot_time
JOIN silver.cryptocurrency_names AS n ON n.name_id = s.name_id
JOIN silver.ingestion_batches AS b ON b.batch_id = s.batch_id;
