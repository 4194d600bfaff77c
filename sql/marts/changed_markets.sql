-- The days on which a coin's candle or its row in mart_coin_daily was written in this transaction, by
-- currency. A load that this one has waited for may be among them: that does no harm.
CREATE TEMPORARY TABLE changed_markets ON COMMIT DROP AS
SELECT vs_currency, day FROM changed_candles
UNION
SELECT m.vs_currency, m.day
FROM incoming_mart_coin_daily AS i
JOIN analytics.mart_coin_daily AS m USING (crypto_id, vs_currency, day)
WHERE m.load_timestamp >= now();
ANALYZE changed_markets;
