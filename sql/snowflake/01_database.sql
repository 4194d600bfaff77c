-- The database with its four schemas. Every time below is UTC, as TIMESTAMP_NTZ: the zone never
-- enters a comparison, and no session setting changes what is stored.
CREATE DATABASE IF NOT EXISTS crypto_warehouse
    COMMENT = 'CoinGecko market data: landing files, third normal form, star schema.';
USE DATABASE crypto_warehouse;

CREATE SCHEMA IF NOT EXISTS bronze;
CREATE SCHEMA IF NOT EXISTS silver;
CREATE SCHEMA IF NOT EXISTS analytics;
CREATE SCHEMA IF NOT EXISTS staging;

CREATE WAREHOUSE IF NOT EXISTS crypto_load_wh
    WAREHOUSE_SIZE = 'XSMALL'
    AUTO_SUSPEND = 60
    AUTO_RESUME = TRUE
    INITIALLY_SUSPENDED = TRUE
    COMMENT = 'Runs the hourly task graph.';
CREATE WAREHOUSE IF NOT EXISTS crypto_read_wh
    WAREHOUSE_SIZE = 'XSMALL'
    AUTO_SUSPEND = 60
    AUTO_RESUME = TRUE
    INITIALLY_SUSPENDED = TRUE
    COMMENT = 'Runs what analysts ask.';
