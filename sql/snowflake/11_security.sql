-- Who may do what. Two roles, as in PostgreSQL: etl_role loads, analytics_role reads gold and silver.
-- The loads run with the rights of the procedures' owner, so etl_role may start them and needs no
-- right to write a table by hand.
CREATE ROLE IF NOT EXISTS etl_role
    COMMENT = 'Runs the loads of crypto_warehouse.';
CREATE ROLE IF NOT EXISTS analytics_role
    COMMENT = 'Reads the market data.';
GRANT ROLE etl_role TO ROLE SYSADMIN;
GRANT ROLE analytics_role TO ROLE SYSADMIN;

GRANT USAGE ON WAREHOUSE crypto_load_wh TO ROLE etl_role;
GRANT USAGE ON WAREHOUSE crypto_read_wh TO ROLE analytics_role;
GRANT USAGE ON DATABASE crypto_warehouse TO ROLE etl_role;
GRANT USAGE ON DATABASE crypto_warehouse TO ROLE analytics_role;

GRANT USAGE ON SCHEMA bronze TO ROLE etl_role;
GRANT USAGE ON SCHEMA silver TO ROLE etl_role;
GRANT USAGE ON SCHEMA analytics TO ROLE etl_role;
GRANT READ ON STAGE bronze.landing_zone TO ROLE etl_role;
GRANT SELECT ON ALL TABLES IN SCHEMA silver TO ROLE etl_role;
GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO ROLE etl_role;
GRANT SELECT ON VIEW analytics.failed_checks TO ROLE etl_role;
GRANT USAGE ON PROCEDURE bronze.land_files() TO ROLE etl_role;
GRANT USAGE ON PROCEDURE silver.load_silver() TO ROLE etl_role;
GRANT USAGE ON PROCEDURE analytics.load_gold() TO ROLE etl_role;
GRANT USAGE ON PROCEDURE analytics.check_warehouse() TO ROLE etl_role;

GRANT USAGE ON SCHEMA silver TO ROLE analytics_role;
GRANT USAGE ON SCHEMA analytics TO ROLE analytics_role;
GRANT SELECT ON ALL TABLES IN SCHEMA silver TO ROLE analytics_role;
GRANT SELECT ON ALL VIEWS IN SCHEMA silver TO ROLE analytics_role;
GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO ROLE analytics_role;
GRANT SELECT ON ALL VIEWS IN SCHEMA analytics TO ROLE analytics_role;
GRANT SELECT ON FUTURE TABLES IN SCHEMA analytics TO ROLE analytics_role;
GRANT SELECT ON FUTURE VIEWS IN SCHEMA analytics TO ROLE analytics_role;

-- Market data is public: prices are masked from no one. Two columns hold whatever a source sent or an
-- operation said, a rejected record and an error; they are for those who look after the loads.
CREATE MASKING POLICY IF NOT EXISTS silver.operators_only AS (val VARCHAR) RETURNS VARCHAR ->
    CASE WHEN IS_ROLE_IN_SESSION('ETL_ROLE') THEN val ELSE '(for operators)' END
    COMMENT = 'Shows a text to etl_role only.';
ALTER TABLE silver.rejected_records MODIFY COLUMN record
    SET MASKING POLICY silver.operators_only;
ALTER TABLE silver.ingestion_batches MODIFY COLUMN error
    SET MASKING POLICY silver.operators_only;

-- Services sign in by key pair, never by password: TYPE = SERVICE has none. docs/SNOWFLAKE.md says how
-- a key is made, set and rotated.
CREATE USER IF NOT EXISTS crypto_loader
    TYPE = SERVICE
    DEFAULT_ROLE = etl_role
    DEFAULT_WAREHOUSE = crypto_load_wh
    COMMENT = 'Uploads landing files and starts loads by hand.';
CREATE USER IF NOT EXISTS crypto_reader
    TYPE = SERVICE
    DEFAULT_ROLE = analytics_role
    DEFAULT_WAREHOUSE = crypto_read_wh
    COMMENT = 'BI tools and notebooks.';
GRANT ROLE etl_role TO USER crypto_loader;
GRANT ROLE analytics_role TO USER crypto_reader;
