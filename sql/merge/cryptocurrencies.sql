-- The newest record describes the coin, in whatever order files are loaded.
WITH merged AS (
    INSERT INTO cryptocurrencies AS c
        (crypto_id, symbol, name, image_url, first_seen_at, last_seen_at)
    SELECT crypto_id, symbol, name, image_url, first_seen_at, last_seen_at
    FROM incoming_cryptocurrencies
    ORDER BY crypto_id
    ON CONFLICT (crypto_id) DO UPDATE SET
        symbol = CASE
            WHEN excluded.last_seen_at > c.last_seen_at THEN excluded.symbol ELSE c.symbol END,
        name = CASE
            WHEN excluded.last_seen_at > c.last_seen_at THEN excluded.name ELSE c.name END,
        image_url = CASE
            WHEN excluded.last_seen_at > c.last_seen_at THEN excluded.image_url ELSE c.image_url
        END,
        first_seen_at = least(c.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(c.last_seen_at, excluded.last_seen_at)
    WHERE excluded.last_seen_at > c.last_seen_at OR excluded.first_seen_at < c.first_seen_at
    RETURNING xmax = 0 AS is_new
)
SELECT
    count(*) FILTER (WHERE is_new) AS rows_inserted,
    count(*) FILTER (WHERE NOT is_new) AS rows_updated
FROM merged;
