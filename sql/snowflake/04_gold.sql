-- Gold: the star schema, with the tables and columns of PostgreSQL's schema analytics.

CREATE TABLE IF NOT EXISTS analytics.dim_date (
    -- [[[cog snowflake.definitions(DIM_DATE, end=",") ]]]
    date_key NUMBER(10,0) NOT NULL
        COMMENT 'Key: the date as the number YYYYMMDD.',
    full_date DATE NOT NULL
        COMMENT 'The date.',
    calendar_year NUMBER(5,0) NOT NULL
        COMMENT 'Calendar year.',
    quarter_of_year NUMBER(5,0) NOT NULL
        COMMENT 'Quarter, 1 to 4.',
    month_of_year NUMBER(5,0) NOT NULL
        COMMENT 'Month, 1 to 12.',
    month_name VARCHAR NOT NULL
        COMMENT 'English name of the month.',
    day_of_month NUMBER(5,0) NOT NULL
        COMMENT 'Day of the month, 1 to 31.',
    day_of_year NUMBER(5,0) NOT NULL
        COMMENT 'Day of the year, 1 to 366.',
    day_of_week NUMBER(5,0) NOT NULL
        COMMENT 'ISO day of the week, 1 Monday to 7 Sunday.',
    day_name VARCHAR NOT NULL
        COMMENT 'English name of the day of the week.',
    iso_year NUMBER(5,0) NOT NULL
        COMMENT 'Year of the ISO week.',
    iso_week NUMBER(5,0) NOT NULL
        COMMENT 'ISO week of the year, 1 to 53.',
    is_weekend BOOLEAN NOT NULL
        COMMENT 'Saturday or Sunday.',
    -- [[[end]]]
    PRIMARY KEY (date_key),
    UNIQUE (full_date)
)
-- [[[cog snowflake.comment(DIM_DATE.meaning, end=";") ]]]
COMMENT = 'One row a day (UTC), whole years, for every year that has a fact.';
-- [[[end]]]

CREATE TABLE IF NOT EXISTS analytics.dim_time (
    -- [[[cog snowflake.definitions(DIM_TIME, end=",") ]]]
    time_key NUMBER(5,0) NOT NULL
        COMMENT 'Key: the time as the number HHMM.',
    full_time TIME NOT NULL
        COMMENT 'The time of day.',
    hour_24 NUMBER(5,0) NOT NULL
        COMMENT 'Hour, 0 to 23.',
    minute_of_hour NUMBER(5,0) NOT NULL
        COMMENT 'Minute of the hour, 0 to 59.',
    minute_of_day NUMBER(5,0) NOT NULL
        COMMENT 'Minutes since midnight, 0 to 1439.',
    part_of_day VARCHAR NOT NULL
        COMMENT 'night (0-5), morning (6-11), afternoon (12-17) or evening (18-23).',
    -- [[[end]]]
    PRIMARY KEY (time_key),
    UNIQUE (full_time)
)
-- [[[cog snowflake.comment(DIM_TIME.meaning, end=";") ]]]
COMMENT = 'One row for each of the 1,440 minutes of a day (UTC).';
-- [[[end]]]

CREATE TABLE IF NOT EXISTS analytics.dim_cryptocurrency (
    -- [[[cog snowflake.definitions(DIM_CRYPTOCURRENCY, end=",") ]]]
    crypto_key NUMBER(19,0) NOT NULL AUTOINCREMENT START 1 INCREMENT 1
        COMMENT 'Surrogate key of the version; -1 is the unknown member.',
    crypto_id VARCHAR NOT NULL
        COMMENT 'Business key: CoinGecko''s id of the coin (API field id).',
    symbol VARCHAR NOT NULL
        COMMENT 'Ticker symbol in this period (API field symbol).',
    name VARCHAR NOT NULL
        COMMENT 'Name in this period (API field name).',
    valid_from TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'Time (last_updated) from which the version holds, UTC, inclusive.',
    valid_to TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'Time (last_updated) until which the version holds, UTC, exclusive; 9999-12-31 for the current one.',
    is_current BOOLEAN NOT NULL
        COMMENT 'Whether this is the coin''s newest version.',
    revised_at TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'When the version''s period was last revised, UTC; a new logo revises none.',
    image_url VARCHAR
        COMMENT 'URL of the coin''s current logo, the same on all its versions (API field image).',
    -- [[[end]]]
    UNIQUE (crypto_id, valid_from),
    PRIMARY KEY (crypto_key)
)
-- [[[cog snowflake.comment(DIM_CRYPTOCURRENCY.meaning, end=";") ]]]
COMMENT = 'Coins with their history (slowly changing dimension, type 2): a row for every period in which a coin had one symbol and name. Key -1 is the unknown member.';
-- [[[end]]]

CREATE TABLE IF NOT EXISTS analytics.dim_source (
    -- [[[cog snowflake.definitions(DIM_SOURCE, end=",") ]]]
    source_key NUMBER(10,0) NOT NULL AUTOINCREMENT START 1 INCREMENT 1
        COMMENT 'Surrogate key; -1 is the unknown member.',
    source_name VARCHAR NOT NULL
        COMMENT 'Label of the source, as the batches carry it.',
    kind VARCHAR NOT NULL
        COMMENT 'live, sandbox (made up), recorded (played back) or unknown.',
    first_ingested_at TIMESTAMP_NTZ(6)
        COMMENT 'When the source''s oldest snapshots in gold were fetched, UTC; null of a source of price history or quotes alone, and of the unknown member.',
    last_ingested_at TIMESTAMP_NTZ(6)
        COMMENT 'When the source''s newest snapshots in gold were fetched, UTC; null of a source of price history or quotes alone, and of the unknown member.',
    -- [[[end]]]
    PRIMARY KEY (source_key),
    UNIQUE (source_name)
)
-- [[[cog snowflake.comment(DIM_SOURCE.meaning, end=";") ]]]
COMMENT = 'Where data comes from. Key -1 is the unknown member.';
-- [[[end]]]

CREATE TABLE IF NOT EXISTS analytics.fact_crypto_price_metrics (
    -- [[[cog snowflake.definitions(FACT, end=",") ]]]
    date_key NUMBER(10,0) NOT NULL
        COMMENT 'Day of snapshot_time (UTC).',
    time_key NUMBER(5,0) NOT NULL
        COMMENT 'Minute of snapshot_time (UTC).',
    crypto_key NUMBER(19,0) NOT NULL
        COMMENT 'The coin''s version valid at last_updated.',
    source_key NUMBER(10,0) NOT NULL
        COMMENT 'Where the data came from.',
    crypto_id VARCHAR NOT NULL
        COMMENT 'The coin''s business key, the same over all its versions (API field id).',
    vs_currency VARCHAR NOT NULL
        COMMENT 'Currency of all amounts of the row.',
    snapshot_time TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'Time bucket, UTC: last_updated rounded to five minutes.',
    last_updated TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'When CoinGecko says the price was current, UTC (API field last_updated).',
    batch_id NUMBER(19,0) NOT NULL
        COMMENT 'The batch (landing file) the row comes from.',
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
    atl NUMBER(38,26)
        COMMENT 'All-time low, in vs_currency (API field atl).',
    atl_change_pct NUMBER(38,14)
        COMMENT 'Distance of the price from the all-time low, in percent (API field atl_change_percentage).',
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
    roi_percentage NUMBER(38,14)
        COMMENT 'Return since the initial sale, in percent (API field roi.percentage).',
    market_cap_rank_with_rehypothecated NUMBER(10,0)
        COMMENT 'Rank by market capitalisation among all coins, those too that stand for others; null unless COINGECKO_INCLUDE_REHYPOTHECATED asked for it (API field market_cap_rank_with_rehypothecated).',
    load_timestamp TIMESTAMP_NTZ(6) NOT NULL
        COMMENT 'When the row was loaded into gold, UTC.',
    -- [[[end]]]
    PRIMARY KEY (crypto_id, vs_currency, snapshot_time),
    FOREIGN KEY (date_key) REFERENCES analytics.dim_date (date_key),
    FOREIGN KEY (time_key) REFERENCES analytics.dim_time (time_key),
    FOREIGN KEY (crypto_key) REFERENCES analytics.dim_cryptocurrency (crypto_key),
    FOREIGN KEY (source_key) REFERENCES analytics.dim_source (source_key)
)
CLUSTER BY (DATE_TRUNC('MONTH', snapshot_time))
-- [[[cog snowflake.comment(FACT.meaning, end=";") ]]]
COMMENT = 'Price and market size of a coin at a five-minute mark: one row for every silver snapshot.';
-- [[[end]]]

-- The unknown members, and the 1,440 minutes of a day.
INSERT INTO analytics.dim_cryptocurrency
    (crypto_key, crypto_id, symbol, name, valid_from, valid_to, is_current, revised_at)
SELECT
    -1, '(unknown)', '(unknown)', '(unknown)', '0001-01-01 00:00:00', '9999-12-31 00:00:00', TRUE,
    SYSDATE()
WHERE NOT EXISTS (SELECT 1 FROM analytics.dim_cryptocurrency AS d WHERE d.crypto_key = -1);

INSERT INTO analytics.dim_source (source_key, source_name, kind)
SELECT -1, '(unknown)', 'unknown'
WHERE NOT EXISTS (SELECT 1 FROM analytics.dim_source AS s WHERE s.source_key = -1);

INSERT INTO analytics.dim_time
    (time_key, full_time, hour_24, minute_of_hour, minute_of_day, part_of_day)
SELECT
    FLOOR(n / 60) * 100 + MOD(n, 60),
    TIME_FROM_PARTS(FLOOR(n / 60), MOD(n, 60), 0),
    FLOOR(n / 60),
    MOD(n, 60),
    n,
    CASE FLOOR(n / 360)
        WHEN 0 THEN 'night' WHEN 1 THEN 'morning' WHEN 2 THEN 'afternoon' ELSE 'evening'
    END
FROM (
    SELECT ROW_NUMBER() OVER (ORDER BY SEQ4()) - 1 AS n FROM TABLE(GENERATOR(ROWCOUNT => 1440))
) AS minutes
WHERE NOT EXISTS (SELECT 1 FROM analytics.dim_time);
