-- All versions of a coin show its current logo. That revises no version: no fact has to move.
UPDATE analytics.dim_cryptocurrency AS d
SET image_url = c.image_url
FROM cryptocurrencies AS c
WHERE c.crypto_id = d.crypto_id AND d.image_url IS DISTINCT FROM c.image_url;

-- In order of validity, so that a coin's old current version is closed before the new one opens.
WITH merged AS (
    INSERT INTO analytics.dim_cryptocurrency
        (crypto_key, crypto_id, symbol, name, image_url, valid_from, valid_to, is_current)
    SELECT
        coalesce(
            crypto_key, nextval(pg_get_serial_sequence('analytics.dim_cryptocurrency', 'crypto_key'))
        ),
        crypto_id, symbol, name, image_url, valid_from, valid_to, is_current
    FROM (
        SELECT * FROM incoming_dim_cryptocurrency ORDER BY crypto_id, valid_from
    ) AS incoming
    ON CONFLICT (crypto_key) DO UPDATE SET
        valid_from = excluded.valid_from,
        valid_to = excluded.valid_to,
        is_current = excluded.is_current,
        revised_at = now()
    WHERE (dim_cryptocurrency.valid_from, dim_cryptocurrency.valid_to)
        IS DISTINCT FROM (excluded.valid_from, excluded.valid_to)
    RETURNING xmax = 0 AS is_new
)
SELECT
    count(*) FILTER (WHERE is_new) AS rows_inserted,
    count(*) FILTER (WHERE NOT is_new) AS rows_updated
FROM merged;
