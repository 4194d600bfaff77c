-- The returns have all that was written until then.
INSERT INTO mart_progress AS p (made_of, loaded_until)
SELECT 'fact_crypto_price_hourly', loaded_until FROM mart_bounds WHERE loaded_until IS NOT NULL
ON CONFLICT (made_of) DO UPDATE SET loaded_until = excluded.loaded_until
