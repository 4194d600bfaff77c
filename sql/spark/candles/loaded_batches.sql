MERGE INTO {lake}.ingestion_batches AS b
USING pending_candle_batches AS w
ON b.batch_id = w.batch_id
WHEN MATCHED THEN UPDATE SET candles_loaded_at = current_timestamp()
