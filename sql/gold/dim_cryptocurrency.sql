-- Rows of dim_cryptocurrency (slowly changing dimension, type 2): the versions of the coins whose
-- pending snapshots have a name that the dimension does not have yet.
--
-- A version is a run of snapshots, in time order, with one symbol and name. The runs are computed
-- anew from the first snapshot on that says something else, so the order in which files are loaded does
-- not matter: a late file may move a version's start or split it. The starts of the known versions
-- count as observations: they stand for the snapshots before, and for those that retention has dropped.
CREATE TEMPORARY TABLE changed_coins ON COMMIT DROP AS
SELECT
    w.crypto_id,
    min(w.first_updated) AS since,
    EXISTS (
        SELECT FROM analytics.dim_cryptocurrency AS d WHERE d.crypto_id = w.crypto_id
    ) AS is_known
FROM (
    SELECT crypto_id, name_id, min(last_updated) AS first_updated, max(last_updated) AS last_updated
    FROM pending_snapshots
    GROUP BY crypto_id, name_id
) AS w
JOIN cryptocurrency_names AS n USING (name_id)
WHERE NOT EXISTS (
    SELECT FROM analytics.dim_cryptocurrency AS d
    WHERE d.crypto_id = w.crypto_id
        AND (d.symbol, d.name) = (n.symbol, n.name)
        AND d.valid_from <= w.first_updated AND w.last_updated < d.valid_to
)
GROUP BY w.crypto_id;

ANALYZE changed_coins;

CREATE TEMPORARY TABLE observed_names (
    crypto_id text NOT NULL,
    name_id integer NOT NULL,
    last_updated timestamptz NOT NULL
) ON COMMIT DROP;

-- Gold has had no snapshot of a coin without a version: those that are pending are all there are. Most such
-- coins have one name only: a single version, from their first observation on.
INSERT INTO observed_names
WITH snapshots AS NOT MATERIALIZED (
    SELECT s.crypto_id, s.name_id, s.last_updated
    FROM pending_snapshots AS s
    JOIN changed_coins AS c ON c.crypto_id = s.crypto_id AND NOT c.is_known
),
named_once AS (
    SELECT crypto_id, min(name_id) AS name_id, min(last_updated) AS last_updated
    FROM snapshots
    GROUP BY crypto_id
    HAVING min(name_id) = max(name_id)
)
SELECT crypto_id, name_id, last_updated FROM named_once
UNION ALL
SELECT crypto_id, name_id, last_updated
FROM snapshots
WHERE crypto_id NOT IN (SELECT crypto_id FROM named_once);

-- In most hours no other coin has changed. Then the months of all snapshots are not even opened, and
-- else only those from the change on: the planner sees the time. A bucket is at most two and a half
-- minutes from its last_updated.
DO $$
DECLARE
    since timestamptz := (SELECT min(c.since) FROM changed_coins AS c WHERE c.is_known);
BEGIN
    IF since IS NOT NULL THEN
        EXECUTE format(
            'INSERT INTO observed_names
            SELECT s.crypto_id, s.name_id, s.last_updated
            FROM known_snapshots AS s
            JOIN changed_coins AS c ON c.crypto_id = s.crypto_id AND c.is_known
            WHERE s.last_updated >= c.since AND s.snapshot_time >= %L',
            since - interval '5 minutes'
        );
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
    v.crypto_key,
    v.crypto_id,
    v.symbol,
    v.name,
    c.image_url,
    v.valid_from,
    lead(v.valid_from, 1, timestamptz '9999-12-31 00:00:00+00') OVER later AS valid_to,
    lead(v.valid_from) OVER later IS NULL AS is_current
FROM versions AS v
JOIN cryptocurrencies AS c USING (crypto_id)
WINDOW later AS (PARTITION BY v.crypto_id ORDER BY v.version);
