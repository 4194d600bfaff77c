-- The hourly graph: land, then silver, then gold, then the checks. A child runs when its predecessor
-- has succeeded; a graph that still runs is not started again, so loads run one at a time. The hour's file is
-- there within minutes of the hour: the root waits for ten.
CREATE OR REPLACE TASK bronze.land_files_hourly
    WAREHOUSE = crypto_load_wh
    SCHEDULE = 'USING CRON 10 * * * * UTC'
    ALLOW_OVERLAPPING_EXECUTION = FALSE
    SUSPEND_TASK_AFTER_NUM_FAILURES = 24
    COMMENT = 'Root of the graph: reads new landing files.'
AS
    CALL bronze.land_files();

-- Tasks of one graph share a schema.
CREATE OR REPLACE TASK bronze.load_silver
    WAREHOUSE = crypto_load_wh
    COMMENT = 'Decodes, checks and deduplicates the new files.'
    AFTER bronze.land_files_hourly
AS
    CALL silver.load_silver();

CREATE OR REPLACE TASK bronze.load_gold
    WAREHOUSE = crypto_load_wh
    COMMENT = 'Carries the new batches into the star schema.'
    AFTER bronze.load_silver
AS
    CALL analytics.load_gold();

CREATE OR REPLACE TASK bronze.check_warehouse
    WAREHOUSE = crypto_load_wh
    COMMENT = 'Fails the graph when a table holds a wrong row.'
    AFTER bronze.load_gold
AS
    CALL analytics.check_warehouse();

-- Children first: a graph whose root runs cannot be changed.
ALTER TASK bronze.check_warehouse RESUME;
ALTER TASK bronze.load_gold RESUME;
ALTER TASK bronze.load_silver RESUME;
ALTER TASK bronze.land_files_hourly RESUME;
