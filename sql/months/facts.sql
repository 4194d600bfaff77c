-- The facts of the month, by gold/fact_crypto_price_metrics.sql.
-- How many records lie in the month the planner cannot know: it expects a few, and would join them by
-- loops.
SET LOCAL enable_nestloop = off;

CREATE OR REPLACE TEMPORARY VIEW waiting_history AS SELECT * FROM month_history;

INSERT INTO month_fact_crypto_price_metrics SELECT * FROM incoming_fact_crypto_price_metrics;

SET LOCAL enable_nestloop = on;
