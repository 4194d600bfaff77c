-- A coin has a symbol and name under which no record listed it.
SELECT c.crypto_id, c.symbol, c.name
FROM (
    SELECT DISTINCT s.crypto_id FROM scoped_batches JOIN pruned_price_snapshots AS s USING (batch_id)
) AS scoped
JOIN cryptocurrencies AS c USING (crypto_id)
WHERE NOT EXISTS (
    SELECT FROM cryptocurrency_names AS n
    WHERE (n.crypto_id, n.symbol, n.name) = (c.crypto_id, c.symbol, c.name)
)
