-- The daily marts have all that was written until then, and the aliases that were known.
INSERT INTO mart_progress AS p (made_of, loaded_until)
SELECT 'fact_crypto_price_daily', max(load_timestamp) FROM changed_candles HAVING count(*) > 0
UNION ALL
SELECT 'coin_aliases', max(greatest(confirmed_at, revoked_at)) FROM coin_aliases HAVING count(*) > 0
ON CONFLICT (made_of) DO UPDATE SET loaded_until = excluded.loaded_until
WHERE p.loaded_until < excluded.loaded_until
