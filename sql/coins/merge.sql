-- The staged answer holds from its time until the next answer: what it lists is listed during that
-- time, what it does not list is not. What is so already is not written again.
--
-- Whatever the order in which answers come, each moment belongs to the newest answer before it, so the
-- same answers give the same rows.
WITH answer AS (
    SELECT
        %(is_active)s::boolean AS is_active,
        tstzmultirange(tstzrange(%(ingested_at)s, %(next_at)s)) AS held
),
listed AS (
    INSERT INTO coin_listings AS l (crypto_id, is_active, symbol, name, listed_during)
    SELECT s.crypto_id, a.is_active, s.symbol, s.name, a.held
    FROM staged_coins AS s
    CROSS JOIN answer AS a
    LEFT JOIN coin_listings AS known
        ON (known.crypto_id, known.is_active, known.symbol, known.name)
            = (s.crypto_id, a.is_active, s.symbol, s.name)
    WHERE (known.listed_during @> a.held) IS NOT TRUE
    ORDER BY s.crypto_id
    ON CONFLICT (crypto_id, is_active, symbol, name)
        DO UPDATE SET listed_during = l.listed_during + excluded.listed_during
    RETURNING 1
),
unlisted AS (
    UPDATE coin_listings AS l
    SET listed_during = l.listed_during - a.held
    FROM answer AS a
    WHERE l.is_active = a.is_active AND l.listed_during && a.held
        AND NOT EXISTS (
            SELECT FROM staged_coins AS s
            WHERE (s.crypto_id, s.symbol, s.name) = (l.crypto_id, l.symbol, l.name)
        )
    RETURNING 1
),
contracts_listed AS (
    INSERT INTO coin_contracts AS l (crypto_id, is_active, platform, contract_address, listed_during)
    SELECT s.crypto_id, a.is_active, s.platform, s.contract_address, a.held
    FROM staged_contracts AS s
    CROSS JOIN answer AS a
    LEFT JOIN coin_contracts AS known
        ON (known.crypto_id, known.is_active, known.platform, known.contract_address)
            = (s.crypto_id, a.is_active, s.platform, s.contract_address)
    WHERE (known.listed_during @> a.held) IS NOT TRUE
    ORDER BY s.crypto_id
    ON CONFLICT (crypto_id, is_active, platform, contract_address)
        DO UPDATE SET listed_during = l.listed_during + excluded.listed_during
    RETURNING 1
),
contracts_unlisted AS (
    UPDATE coin_contracts AS l
    SET listed_during = l.listed_during - a.held
    FROM answer AS a
    WHERE l.is_active = a.is_active AND l.listed_during && a.held
        AND NOT EXISTS (
            SELECT FROM staged_contracts AS s
            WHERE (s.crypto_id, s.platform, s.contract_address)
                = (l.crypto_id, l.platform, l.contract_address)
        )
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM listed) AS listed,
    (SELECT count(*) FROM unlisted) AS unlisted,
    (SELECT count(*) FROM contracts_listed) AS contracts_listed,
    (SELECT count(*) FROM contracts_unlisted) AS contracts_unlisted;
