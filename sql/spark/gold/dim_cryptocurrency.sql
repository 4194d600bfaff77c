-- Slowly changing dimension, type 2: the versions of changed_coins, and the unknown member.
--
-- A version is a run of snapshots, in time order, with one symbol and name. The runs are computed
-- from the first change on, so the order in which files are loaded does not matter: a late file may
-- move a version's start or split it. The starts of the known versions count as observations: they
-- stand for the snapshots before, also for those that retention has dropped.
--
-- New keys are counted on from the greatest without a gap, and a version is changed only from what
-- was read of it. Where another load was first, this ends with an error and is run again.
MERGE INTO {lake}.dim_cryptocurrency AS t
USING (
    WITH known AS (
        SELECT crypto_key, crypto_id, symbol, name, valid_from, valid_to
        FROM {lake}.dim_cryptocurrency
    ),
    observations AS (
        SELECT
            crypto_id, symbol, name, last_updated,
            CAST(NULL AS BIGINT) AS crypto_key,
            CAST(NULL AS TIMESTAMP) AS known_from,
            CAST(NULL AS TIMESTAMP) AS known_to
        FROM changed_snapshots
        UNION ALL
        SELECT
            d.crypto_id, d.symbol, d.name, d.valid_from, d.crypto_key, d.valid_from, d.valid_to
        FROM changed_coins AS c
        JOIN known AS d ON d.crypto_id = c.crypto_id
        WHERE d.crypto_key > 0
    ),
    -- A coin is in the data once a currency: one observation an instant is enough.
    instants AS (
        SELECT crypto_id, symbol, name, last_updated, crypto_key, known_from, known_to
        FROM (
            SELECT
                *,
                row_number() OVER (
                    PARTITION BY crypto_id, last_updated
                    ORDER BY crypto_key NULLS LAST, symbol, name
                ) AS place
            FROM observations
        ) AS numbered
        WHERE place = 1
    ),
    marked AS (
        SELECT
            *,
            CASE
                WHEN symbol = lag(symbol) OVER (PARTITION BY crypto_id ORDER BY last_updated)
                    AND name = lag(name) OVER (PARTITION BY crypto_id ORDER BY last_updated)
                THEN 0 ELSE 1
            END AS starts_version
        FROM instants
    ),
    numbered AS (
        SELECT
            *,
            sum(starts_version) OVER (PARTITION BY crypto_id ORDER BY last_updated) AS version
        FROM marked
    ),
    versions AS (
        SELECT
            crypto_id, version, min(symbol) AS symbol, min(name) AS name,
            min(last_updated) AS valid_from, max(crypto_key) AS crypto_key,
            max(known_from) AS known_from, max(known_to) AS known_to
        FROM numbered
        GROUP BY crypto_id, version
    ),
    valid AS (
        SELECT
            *,
            lead(valid_from) OVER (PARTITION BY crypto_id ORDER BY version) AS next_from
        FROM versions
    )
    SELECT
        coalesce(
            v.crypto_key,
            m.highest + row_number() OVER (
                ORDER BY CASE WHEN v.crypto_key IS NULL THEN 0 ELSE 1 END, v.crypto_id, v.version
            )
        ) AS crypto_key,
        v.crypto_id,
        v.symbol,
        v.name,
        v.valid_from,
        coalesce(v.next_from, CAST('9999-12-31 00:00:00+00' AS TIMESTAMP)) AS valid_to,
        v.next_from IS NULL AS is_current,
        current_timestamp() AS revised_at,
        c.image_url,
        v.known_from,
        v.known_to
    FROM valid AS v
    JOIN {lake}.cryptocurrencies AS c ON c.crypto_id = v.crypto_id
    CROSS JOIN (
        SELECT coalesce(greatest(max(crypto_key), 0), 0) AS highest FROM known
    ) AS m
    UNION ALL
    SELECT
        CAST(-1 AS BIGINT), '(unknown)', '(unknown)', '(unknown)',
        CAST('0001-01-01 00:00:00+00' AS TIMESTAMP), CAST('9999-12-31 00:00:00+00' AS TIMESTAMP),
        true, current_timestamp(), CAST(NULL AS STRING),
        CAST('0001-01-01 00:00:00+00' AS TIMESTAMP), CAST('9999-12-31 00:00:00+00' AS TIMESTAMP)
) AS i
ON t.crypto_key = i.crypto_key
WHEN MATCHED AND (
    t.valid_from <> i.valid_from OR t.valid_to <> i.valid_to
    OR i.known_from IS NULL OR t.valid_from <> i.known_from OR t.valid_to <> i.known_to
) THEN UPDATE SET
    crypto_id = CASE
        WHEN i.known_from IS NULL OR t.valid_from <> i.known_from OR t.valid_to <> i.known_to
        THEN raise_error(concat('another load has changed ', t.crypto_id))
        ELSE i.crypto_id
    END,
    valid_from = i.valid_from,
    valid_to = i.valid_to,
    is_current = i.is_current,
    revised_at = i.revised_at
WHEN NOT MATCHED THEN INSERT (
    crypto_key, crypto_id, symbol, name, valid_from, valid_to, is_current, revised_at, image_url
) VALUES (
    i.crypto_key, i.crypto_id, i.symbol, i.name, i.valid_from, i.valid_to, i.is_current,
    i.revised_at, i.image_url
)
