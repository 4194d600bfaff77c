-- The newest record describes the coin, in whatever order files are loaded.
MERGE INTO {lake}.cryptocurrencies AS c
USING (
    SELECT crypto_id, symbol, name, image_url, first_seen_at, ingested_at AS last_seen_at
    FROM (
        SELECT
            crypto_id, symbol, name, image_url, ingested_at,
            min(ingested_at) OVER (PARTITION BY crypto_id) AS first_seen_at,
            row_number() OVER (
                PARTITION BY crypto_id
                ORDER BY ingested_at DESC, landing_file DESC, record_index DESC
            ) AS place
        FROM accepted_records
    ) AS numbered
    WHERE place = 1
) AS i
ON c.crypto_id = i.crypto_id
WHEN MATCHED AND (i.last_seen_at > c.last_seen_at OR i.first_seen_at < c.first_seen_at)
THEN UPDATE SET
    symbol = CASE WHEN i.last_seen_at > c.last_seen_at THEN i.symbol ELSE c.symbol END,
    name = CASE WHEN i.last_seen_at > c.last_seen_at THEN i.name ELSE c.name END,
    image_url = CASE WHEN i.last_seen_at > c.last_seen_at THEN i.image_url ELSE c.image_url END,
    first_seen_at = least(c.first_seen_at, i.first_seen_at),
    last_seen_at = greatest(c.last_seen_at, i.last_seen_at)
WHEN NOT MATCHED THEN INSERT *
