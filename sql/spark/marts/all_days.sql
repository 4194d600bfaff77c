-- All days with a candle: for marts that are empty, since candles were there before them.
SELECT crypto_id, vs_currency, day FROM {lake}.fact_crypto_price_daily
