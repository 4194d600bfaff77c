-- The files of price history, but for those of CoinGecko's own candles, which Spark does not load.
SELECT landing_file, status FROM {lake}.history_batches WHERE origin <> 'ohlc' OR origin IS NULL
