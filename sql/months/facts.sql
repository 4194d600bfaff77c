-- The facts of the month, by gold/fact_crypto_price_metrics.sql.
-- The planner multiplies what the columns of a join let through, expects a few rows and would go
-- through the batches for each.
SET LOCAL enable_nestloop = off;

CREATE OR REPLACE TEMPORARY VIEW waiting_history AS SELECT * FROM month_history;

INSERT INTO month_fact_crypto_price_metrics SELECT * FROM incoming_fact_crypto_price_metrics;

SET LOCAL enable_nestloop = on;
