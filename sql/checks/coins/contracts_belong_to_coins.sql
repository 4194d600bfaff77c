-- a contract at a time at which its coin is not listed
SELECT c.crypto_id, c.is_active, c.platform, c.contract_address
FROM coin_contracts AS c
LEFT JOIN (
    SELECT crypto_id, is_active, range_agg(listed_during) AS listed
    FROM coin_listings GROUP BY crypto_id, is_active
) AS l USING (crypto_id, is_active)
WHERE NOT coalesce(l.listed, '{}') @> c.listed_during
