-- The coins whose versions do not all show the current logo.
SELECT c.crypto_id, c.image_url
FROM {lake}.cryptocurrencies AS c
JOIN (
    SELECT DISTINCT crypto_id
    FROM (
        SELECT d.crypto_id, d.image_url AS shown, c.image_url AS wanted
        FROM {lake}.dim_cryptocurrency AS d
        JOIN {lake}.cryptocurrencies AS c ON c.crypto_id = d.crypto_id
    ) AS compared
    WHERE coalesce(shown, '') <> coalesce(wanted, '')
) AS changed ON changed.crypto_id = c.crypto_id
