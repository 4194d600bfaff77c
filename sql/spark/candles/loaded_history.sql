MERGE INTO {lake}.history_batches AS b
USING pending_candle_history AS w
ON b.history_batch_id = w.history_batch_id
WHEN MATCHED THEN UPDATE SET candles_loaded_at = current_timestamp()
