-- Rows of dim_cryptocurrency (slowly changing dimension, type 2): the versions of the coins whose
-- waiting snapshots say something that the dimension does not say yet.
--
-- A version is a run of snapshots, in time order, with one symbol and name. The runs are worked out
-- from all of a coin's snapshots, so the order in which files are loaded does not matter: a late
-- file may move a version's start or split it. The starts of the known versions count as
-- observations, so a version outlives the snapshots that retention has dropped.
CREATE TEMPORARY TABLE changed_coins ON COMMIT DROP AS
SELECT DISTINCT w.crypto_id
FROM (
    SELECT crypto_id, name_id, min(last_updated) AS first_updated, max(last_updated) AS last_updated
    FROM waiting_snapshots
    GROUP BY crypto_id, name_id
) AS w
JOIN cryptocurrency_names AS n USING (name_id)
WHERE NOT EXISTS (
    SELECT FROM analytics.dim_cryptocurrency AS d
    WHERE d.crypto_id = w.crypto_id
        AND (d.symbol, d.name) = (n.symbol, n.name)
        AND d.valid_from <= w.first_updated AND w.last_updated < d.valid_to
);

ANALYZE changed_coins;

CREATE TEMPORARY TABLE observed_names (
    crypto_id text NOT NULL,
    name_id integer NOT NULL,
    last_updated timestamptz NOT NULL
) ON COMMIT DROP;

-- In most hours no coin has changed. Then the months of all snapshots are not even opened: a statement
-- inside a function is planned when it is its turn.
DO $$
BEGIN
    IF EXISTS (SELECT FROM changed_coins) THEN
        INSERT INTO observed_names
        -- Most coins have had one name only: a single version, from their first observation on.
        WITH named_once AS (
            SELECT crypto_id, min(name_id) AS name_id, min(last_updated) AS last_updated
            FROM known_snapshots
            JOIN changed_coins USING (crypto_id)
            GROUP BY crypto_id
            HAVING min(name_id) = max(name_id)
        )
        SELECT crypto_id, name_id, last_updated FROM named_once
        UNION ALL
        SELECT s.crypto_id, s.name_id, s.last_updated
        FROM known_snapshots AS s
        JOIN (
            SELECT crypto_id FROM changed_coins
            EXCEPT
            SELECT crypto_id FROM named_once
        ) AS renamed USING (crypto_id);
    END IF;
END
$$;

CREATE OR REPLACE TEMPORARY VIEW incoming_dim_cryptocurrency AS
WITH observations AS (
    SELECT o.crypto_id, n.symbol, n.name, o.last_updated, NULL::bigint AS crypto_key
    FROM observed_names AS o
    JOIN cryptocurrency_names AS n USING (name_id)
    UNION ALL
    SELECT d.crypto_id, d.symbol, d.name, d.valid_from, d.crypto_key
    FROM changed_coins AS c
    JOIN analytics.dim_cryptocurrency AS d ON d.crypto_id = c.crypto_id
),
-- A coin is in the data once a currency: one observation an instant is enough.
instants AS (
    SELECT DISTINCT ON (crypto_id, last_updated) *
    FROM observations
    ORDER BY crypto_id, last_updated, crypto_key NULLS LAST, symbol, name
),
marked AS (
    SELECT
        *,
        (symbol, name) IS DISTINCT FROM (
            lag(symbol) OVER in_time, lag(name) OVER in_time
        ) AS starts_version
    FROM instants
    WINDOW in_time AS (PARTITION BY crypto_id ORDER BY last_updated)
),
numbered AS (
    SELECT
        *,
        count(*) FILTER (WHERE starts_version) OVER (
            PARTITION BY crypto_id ORDER BY last_updated
        ) AS version
    FROM marked
),
versions AS (
    SELECT
        crypto_id, version, min(symbol) AS symbol, min(name) AS name,
        min(last_updated) AS valid_from, max(crypto_key) AS crypto_key
    FROM numbered
    GROUP BY crypto_id, version
)
SELECT
    crypto_key,
    crypto_id,
    symbol,
    name,
    valid_from,
    lead(valid_from, 1, timestamptz '9999-12-31 00:00:00+00') OVER later AS valid_to,
    lead(valid_from) OVER later IS NULL AS is_current
FROM versions
WINDOW later AS (PARTITION BY crypto_id ORDER BY version);
