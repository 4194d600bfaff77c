WITH merged AS (
    INSERT INTO cryptocurrency_names (crypto_id, symbol, name)
    SELECT crypto_id, symbol, name FROM incoming_cryptocurrency_names AS i
    WHERE NOT EXISTS (
        SELECT FROM cryptocurrency_names AS n
        WHERE (n.crypto_id, n.symbol, n.name) = (i.crypto_id, i.symbol, i.name)
    )
    RETURNING 1
)
SELECT count(*) AS rows_inserted FROM merged;
