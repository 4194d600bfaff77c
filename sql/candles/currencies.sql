-- A currency that nobody has described yet.
INSERT INTO analytics.dim_currency (vs_currency, currency_name, kind, display_decimals)
SELECT DISTINCT vs_currency, vs_currency, 'unknown', 8
FROM (
    SELECT b.vs_currency FROM candle_batches AS c JOIN ingestion_batches AS b USING (batch_id)
) AS asked
WHERE vs_currency IS NOT NULL
ON CONFLICT DO NOTHING
