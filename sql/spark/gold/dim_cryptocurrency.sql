-- Slowly changing dimension, type 2: the versions of the coins whose waiting snapshots say something
-- that the dimension does not say yet, and the unknown member.
--
-- A version is a run of snapshots, in time order, with one symbol and name. The runs are worked out
-- from all of a coin's snapshots, so the order in which files are loaded does not matter: a late
-- file may move a version's start or split it. The starts of the known versions count as
-- observations, so a version outlives the snapshots that retention has dropped.
MERGE INTO {lake}.dim_cryptocurrency AS t
USING (
    WITH changed_coins AS (
        SELECT DISTINCT w.crypto_id
        FROM waiting_snapshots AS w
        LEFT ANTI JOIN {lake}.dim_cryptocurrency AS d
            ON d.crypto_id = w.crypto_id AND d.symbol = w.symbol AND d.name = w.name
            AND d.valid_from <= w.last_updated AND w.last_updated < d.valid_to
    ),
    observations AS (
        SELECT
            s.crypto_id, s.symbol, s.name, s.last_updated, CAST(NULL AS BIGINT) AS crypto_key
        FROM changed_coins AS c
        JOIN {lake}.price_snapshots AS s ON s.crypto_id = c.crypto_id
        JOIN {lake}.ingestion_batches AS b ON b.batch_id = s.batch_id
        WHERE b.status = 'completed'
        UNION ALL
        SELECT d.crypto_id, d.symbol, d.name, d.valid_from, d.crypto_key
        FROM changed_coins AS c
        JOIN {lake}.dim_cryptocurrency AS d ON d.crypto_id = c.crypto_id
    ),
    -- A coin is in the data once a currency: one observation an instant is enough.
    instants AS (
        SELECT crypto_id, symbol, name, last_updated, crypto_key
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
            min(last_updated) AS valid_from, max(crypto_key) AS crypto_key
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
        current_timestamp() AS revised_at
    FROM valid AS v
    CROSS JOIN (
        SELECT coalesce(greatest(max(crypto_key), 0), 0) AS highest
        FROM {lake}.dim_cryptocurrency
    ) AS m
    UNION ALL
    SELECT
        CAST(-1 AS BIGINT), '(unknown)', '(unknown)', '(unknown)',
        CAST('0001-01-01 00:00:00+00' AS TIMESTAMP), CAST('9999-12-31 00:00:00+00' AS TIMESTAMP),
        true, current_timestamp()
) AS i
ON t.crypto_key = i.crypto_key
WHEN MATCHED AND (t.valid_from <> i.valid_from OR t.valid_to <> i.valid_to) THEN UPDATE SET
    valid_from = i.valid_from,
    valid_to = i.valid_to,
    is_current = i.is_current,
    revised_at = i.revised_at
WHEN NOT MATCHED THEN INSERT *
