-- The oldest batches whose snapshots are in the star schema and not in the candles: those of a month.
CREATE TEMPORARY TABLE candle_batches ON COMMIT DROP AS
SELECT batch_id
FROM ingestion_batches
WHERE status = 'completed' AND candles_loaded_at IS NULL AND gold_loaded_at IS NOT NULL
    AND partition_hour < (
        SELECT (date_trunc('month', min(partition_hour) AT TIME ZONE 'UTC') + interval '1 month')
            AT TIME ZONE 'UTC'
        FROM ingestion_batches
        WHERE status = 'completed' AND candles_loaded_at IS NULL AND gold_loaded_at IS NOT NULL
    );

SELECT create_pruned_views(months_of_batches(ARRAY(SELECT batch_id FROM candle_batches)));
