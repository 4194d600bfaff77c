-- The list of all coins: who is listed when, the events of a coin's life, and aliases of its id.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

-- ---------------------------------------------------------------------------------------------
-- What the answers say
-- ---------------------------------------------------------------------------------------------

CREATE TABLE coin_list_batches (
    landing_file text PRIMARY KEY,
    file_sha256 text CONSTRAINT file_sha256_hex CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
    body_sha256 text CONSTRAINT body_sha256_hex CHECK (body_sha256 ~ '^[0-9a-f]{64}$'),
    is_active boolean,
    source text,
    request jsonb NOT NULL DEFAULT '{}',
    ingested_at timestamptz,
    status text NOT NULL CONSTRAINT known_status CHECK (status IN ('completed', 'failed')),
    error text,
    coins_fetched integer NOT NULL DEFAULT 0,
    coins_listed integer NOT NULL DEFAULT 0,
    coins_rejected integer NOT NULL DEFAULT 0,
    flaws jsonb NOT NULL DEFAULT '[]',
    loaded_at timestamptz NOT NULL DEFAULT now(),
    run_id text DEFAULT current_run_id(),
    CONSTRAINT completed_batch_is_described CHECK (
        status <> 'completed'
        OR num_nulls(file_sha256, body_sha256, is_active, source, ingested_at) = 0
    ),
    -- What is left are elements of an id that the answer has twice.
    CONSTRAINT completed_batch_adds_up CHECK (
        status <> 'completed' OR coins_fetched >= coins_listed + coins_rejected
    ),
    CONSTRAINT failed_batch_has_an_error CHECK (status <> 'failed' OR error IS NOT NULL)
);
CREATE INDEX coin_list_batches_in_time ON coin_list_batches (is_active, ingested_at, landing_file)
    WHERE status = 'completed';

-- An answer holds until the next one. A row's time can be empty: an answer that had it was replaced
-- by another of the same moment.
CREATE TABLE coin_listings (
    crypto_id text NOT NULL CONSTRAINT coin_has_an_id CHECK (crypto_id <> ''),
    is_active boolean NOT NULL,
    symbol text NOT NULL,
    name text NOT NULL,
    listed_during tstzmultirange NOT NULL,
    PRIMARY KEY (crypto_id, is_active, symbol, name)
);

CREATE TABLE coin_contracts (
    crypto_id text NOT NULL,
    is_active boolean NOT NULL,
    platform text NOT NULL CONSTRAINT contract_has_a_platform CHECK (platform <> ''),
    contract_address text NOT NULL CONSTRAINT contract_has_an_address CHECK (contract_address <> ''),
    listed_during tstzmultirange NOT NULL,
    PRIMARY KEY (crypto_id, is_active, platform, contract_address)
);

-- ---------------------------------------------------------------------------------------------
-- What people say
-- ---------------------------------------------------------------------------------------------

-- Not emptied by a replay: no landing file has it.
CREATE TABLE coin_aliases (
    old_id text NOT NULL,
    new_id text NOT NULL,
    evidence text NOT NULL,
    confirmed_at timestamptz NOT NULL DEFAULT now(),
    confirmed_by text NOT NULL,
    revoked_at timestamptz,
    revoked_by text,
    PRIMARY KEY (old_id, confirmed_at),
    CONSTRAINT alias_of_another CHECK (old_id <> new_id),
    CONSTRAINT revoked_by_somebody CHECK (num_nulls(revoked_at, revoked_by) <> 1),
    CONSTRAINT revoked_after_confirmed CHECK (revoked_at >= confirmed_at)
);
CREATE UNIQUE INDEX coin_aliases_in_force ON coin_aliases (old_id) WHERE revoked_at IS NULL;

-- ---------------------------------------------------------------------------------------------
-- What follows
-- ---------------------------------------------------------------------------------------------

CREATE FUNCTION coin_inactive_after() RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 3;
COMMENT ON FUNCTION coin_inactive_after() IS
    'From how many consecutive complete answers of the list of coins a coin has to be missing to be inactive.';

CREATE FUNCTION comparable_address(contract_address text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    -- The capitals of a hexadecimal address are a checksum (EIP-55); those of base58 tell two apart.
    WHEN contract_address ~ '^0[xX][0-9a-fA-F]+$' THEN lower(contract_address)
    ELSE contract_address
END;
COMMENT ON FUNCTION comparable_address(text) IS
    'A contract''s address in the form in which equal ones are equal texts.';

CREATE INDEX coin_contracts_address
    ON coin_contracts (comparable_address(contract_address), platform);

-- An answer far shorter than those before it is not complete: nothing follows from what it lacks. Seven
-- answers later it is what the next ones are held against, so a list that did shrink is believed then.
-- Recordings have the coins of one response of markets, and never a list of all.
CREATE VIEW coin_list_answers AS
WITH answers AS (
    SELECT DISTINCT ON (ingested_at) landing_file, source, ingested_at, coins_listed
    FROM coin_list_batches
    WHERE status = 'completed' AND is_active
    ORDER BY ingested_at, landing_file DESC
),
compared AS (
    SELECT
        a.*,
        lag(ingested_at) OVER (ORDER BY ingested_at) AS previous_at,
        max(coins_listed) OVER (
            ORDER BY ingested_at ROWS BETWEEN 7 PRECEDING AND 1 PRECEDING
        ) AS most_listed_before
    FROM answers AS a
),
judged AS (
    SELECT
        c.*,
        coins_listed > 0 AND coins_listed >= 0.9 * coalesce(most_listed_before, 0)
            AND source_kind(source) <> 'recorded' AS is_complete
    FROM compared AS c
)
SELECT
    landing_file, source, ingested_at, previous_at, coins_listed, most_listed_before, is_complete,
    count(*) FILTER (WHERE is_complete) OVER (ORDER BY ingested_at) AS complete_answers
FROM judged;

-- The times in which a coin was in the list of the active ones, each with what follows it.
CREATE VIEW coin_periods AS
WITH answers AS MATERIALIZED (SELECT * FROM coin_list_answers),
complete AS (SELECT complete_answers, ingested_at FROM answers WHERE is_complete),
presence AS (
    SELECT
        crypto_id,
        range_agg(listed_during) FILTER (WHERE is_active) AS active,
        range_agg(listed_during) FILTER (WHERE NOT is_active) AS inactive
    FROM coin_listings
    GROUP BY crypto_id
),
periods AS (
    SELECT
        p.crypto_id, p.inactive,
        lower(t.period) AS listed_from,
        upper(t.period) AS listed_until,
        lead(lower(t.period)) OVER (PARTITION BY p.crypto_id ORDER BY lower(t.period))
            AS listed_again_from
    FROM presence AS p CROSS JOIN unnest(p.active) AS t (period)
),
missed AS (
    SELECT
        p.*,
        before.complete_answers - before.is_complete::integer AS complete_until,
        coalesce(
            again.complete_answers - again.is_complete::integer,
            (SELECT count(*) FROM complete)
        ) AS complete_again,
        before.previous_at,
        CASE WHEN p.listed_until IS NOT NULL THEN lower(
            p.inactive * tstzmultirange(tstzrange(p.listed_until, p.listed_again_from))
        ) END AS inactive_from
    FROM periods AS p
    LEFT JOIN answers AS before ON before.ingested_at = p.listed_until
    LEFT JOIN answers AS again ON again.ingested_at = p.listed_again_from
)
SELECT
    m.crypto_id, m.listed_from, m.listed_until, m.listed_again_from,
    coalesce(m.previous_at, (SELECT max(ingested_at) FROM answers)) AS last_listed_at,
    CASE WHEN m.listed_until IS NULL THEN 0 ELSE m.complete_again - m.complete_until END
        AS missed_answers,
    CASE WHEN m.complete_again - m.complete_until >= coin_inactive_after() THEN
        least(nth.ingested_at, m.inactive_from)
    ELSE m.inactive_from END AS known_inactive_at
FROM missed AS m
LEFT JOIN complete AS nth ON nth.complete_answers = m.complete_until + coin_inactive_after();

-- A view, and no table: every event follows from what the answers and the snapshots said and from what
-- people confirmed, also when a file comes late. A table would have to be corrected then.
CREATE VIEW coin_events AS
WITH periods AS MATERIALIZED (SELECT * FROM coin_periods),
first_complete AS (SELECT min(ingested_at) AS at FROM coin_list_answers WHERE is_complete),
lives AS (
    SELECT
        p.*,
        lag(p.known_inactive_at) OVER life AS was_inactive_at,
        row_number() OVER life AS period
    FROM periods AS p
    WINDOW life AS (PARTITION BY p.crypto_id ORDER BY p.listed_from)
),
-- Each source says when a name began; the two together make one course of time, in which the same
-- change is one change, whoever saw it first.
said AS (
    SELECT l.crypto_id, lower(t.period) AS said_at, l.symbol, l.name, 'coin list' AS said_by
    FROM coin_listings AS l CROSS JOIN unnest(l.listed_during) AS t (period)
    WHERE l.is_active
    UNION ALL
    SELECT crypto_id, valid_from, symbol, name, 'snapshots'
    FROM analytics.dim_cryptocurrency WHERE crypto_key <> -1
),
named AS (
    SELECT
        s.*,
        lag(s.symbol) OVER in_time AS symbol_before,
        lag(s.name) OVER in_time AS name_before
    FROM said AS s
    WINDOW in_time AS (PARTITION BY s.crypto_id ORDER BY s.said_at, s.said_by)
)
SELECT
    l.crypto_id, 'listed' AS event, l.listed_from AS happened_at, l.listed_from AS known_at,
    NULL AS old_value, NULL AS new_value, 'coin list' AS said_by
FROM lives AS l CROSS JOIN first_complete AS f
WHERE l.period = 1 AND l.listed_from > f.at
UNION ALL
SELECT l.crypto_id, 'delisted', l.listed_until, l.known_inactive_at, NULL, NULL, 'coin list'
FROM lives AS l WHERE l.known_inactive_at IS NOT NULL
UNION ALL
SELECT l.crypto_id, 'relisted', l.listed_from, l.listed_from, NULL, NULL, 'coin list'
FROM lives AS l WHERE l.was_inactive_at IS NOT NULL
UNION ALL
SELECT n.crypto_id, 'renamed', n.said_at, n.said_at, n.name_before, n.name, n.said_by
FROM named AS n WHERE n.name_before <> n.name
UNION ALL
SELECT n.crypto_id, 'symbol changed', n.said_at, n.said_at, n.symbol_before, n.symbol, n.said_by
FROM named AS n WHERE n.symbol_before <> n.symbol
UNION ALL
SELECT
    a.old_id, 'successor', coalesce(gone.listed_until, a.confirmed_at), a.confirmed_at, a.old_id,
    a.new_id, 'confirmed by ' || a.confirmed_by
FROM coin_aliases AS a
LEFT JOIN (SELECT crypto_id, max(listed_from) AS listed_from FROM periods GROUP BY crypto_id) AS last
    ON last.crypto_id = a.old_id
LEFT JOIN periods AS gone USING (crypto_id, listed_from)
WHERE a.revoked_at IS NULL;

-- A coin that the newest complete answer lacks, and a listed one with a contract that it had.
CREATE VIEW coin_alias_suggestions AS
WITH last AS MATERIALIZED (
    SELECT DISTINCT ON (crypto_id) * FROM coin_periods ORDER BY crypto_id, listed_from DESC
),
gone AS (
    SELECT crypto_id, last_listed_at FROM last
    WHERE missed_answers > 0 OR known_inactive_at IS NOT NULL
    UNION ALL
    -- Before there was an answer here that had them.
    SELECT DISTINCT l.crypto_id, NULL::timestamptz FROM coin_listings AS l
    WHERE NOT l.is_active AND upper_inf(l.listed_during)
        AND NOT EXISTS (SELECT FROM last AS s WHERE s.crypto_id = l.crypto_id)
)
SELECT
    old.crypto_id AS old_id,
    new.crypto_id AS new_id,
    count(DISTINCT (old.platform, comparable_address(old.contract_address))) AS equal_contracts,
    string_agg(DISTINCT old.platform || ' ' || new.contract_address, ', ') AS evidence,
    min(g.last_listed_at) AS old_last_listed_at,
    min(n.listed_from) AS new_listed_from
FROM gone AS g
JOIN coin_contracts AS old USING (crypto_id)
JOIN coin_contracts AS new
    ON comparable_address(new.contract_address) = comparable_address(old.contract_address)
        AND new.platform = old.platform AND new.crypto_id <> old.crypto_id
        AND new.is_active AND upper_inf(new.listed_during)
JOIN last AS n ON n.crypto_id = new.crypto_id AND n.listed_until IS NULL
WHERE NOT EXISTS (
    SELECT FROM coin_aliases AS a WHERE a.old_id = old.crypto_id AND a.revoked_at IS NULL
)
GROUP BY old.crypto_id, new.crypto_id;

CREATE VIEW analytics.v_coins AS
WITH RECURSIVE answers AS MATERIALIZED (SELECT * FROM coin_list_answers),
last AS (
    SELECT DISTINCT ON (crypto_id)
        *, min(listed_from) OVER (PARTITION BY crypto_id) AS first_listed_at
    FROM coin_periods
    ORDER BY crypto_id, listed_from DESC
),
-- The newest name of each coin, by when it was last said; by its contracts likewise.
said AS (
    SELECT crypto_id, symbol, name, is_active, upper(listed_during) AS until
    FROM coin_listings WHERE NOT isempty(listed_during)
),
named AS (
    SELECT DISTINCT ON (crypto_id) crypto_id, symbol, name
    FROM said ORDER BY crypto_id, is_active DESC, until DESC NULLS FIRST
),
contracts AS (
    SELECT c.crypto_id, jsonb_object_agg(c.platform, c.contract_address) AS contracts
    FROM coin_contracts AS c LEFT JOIN last AS l USING (crypto_id)
    WHERE c.is_active = (l.crypto_id IS NOT NULL)
        AND NOT isempty(c.listed_during)
        AND upper(c.listed_during) IS NOT DISTINCT FROM l.listed_until
    GROUP BY c.crypto_id
),
successors AS (
    SELECT old_id, new_id, old_id AS of_id FROM coin_aliases WHERE revoked_at IS NULL
    UNION ALL
    SELECT a.old_id, a.new_id, s.of_id
    FROM successors AS s JOIN coin_aliases AS a ON a.old_id = s.new_id AND a.revoked_at IS NULL
),
current AS (
    SELECT s.of_id, s.new_id FROM successors AS s
    WHERE NOT EXISTS (
        SELECT FROM coin_aliases AS a WHERE a.old_id = s.new_id AND a.revoked_at IS NULL
    )
),
known AS (SELECT crypto_id FROM coin_listings UNION SELECT crypto_id FROM cryptocurrencies)
SELECT
    k.crypto_id,
    CASE WHEN c.last_seen_at > coalesce(l.last_listed_at, '-infinity') THEN c.symbol
        ELSE n.symbol END AS symbol,
    CASE WHEN c.last_seen_at > coalesce(l.last_listed_at, '-infinity') THEN c.name
        ELSE n.name END AS name,
    CASE
        WHEN l.crypto_id IS NOT NULL THEN l.known_inactive_at IS NULL
        WHEN n.crypto_id IS NOT NULL THEN false
        -- Only snapshots have had it.
        WHEN (
            SELECT count(*) FROM answers AS a WHERE a.is_complete AND a.ingested_at > c.last_seen_at
        ) >= coin_inactive_after() THEN false
    END AS is_active,
    least(l.first_listed_at, c.first_seen_at) AS first_seen_at,
    greatest(l.last_listed_at, c.last_seen_at) AS last_seen_at,
    l.listed_from,
    l.missed_answers,
    c.crypto_id IS NOT NULL AS in_snapshots,
    contracts.contracts,
    coalesce(current.new_id, k.crypto_id) AS current_id
FROM known AS k
LEFT JOIN last AS l USING (crypto_id)
LEFT JOIN named AS n USING (crypto_id)
LEFT JOIN cryptocurrencies AS c USING (crypto_id)
LEFT JOIN contracts USING (crypto_id)
LEFT JOIN current ON current.of_id = k.crypto_id;

-- ---------------------------------------------------------------------------------------------
-- Replay
-- ---------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION begin_replay() RETURNS bigint
LANGUAGE plpgsql
SET lock_timeout = 0
AS $$
DECLARE
    replay bigint;
    partition regclass;
BEGIN
    PERFORM lock_warehouse();
    SELECT replay_id INTO replay FROM loading.replays WHERE finished_at IS NULL;
    IF FOUND THEN
        RETURN replay;
    END IF;
    FOR partition IN
        SELECT i.inhrelid::regclass
        FROM unnest(ARRAY[
            -- A table goes before the one that it refers to.
            'analytics.fact_crypto_price_hourly', 'price_points',
            'analytics.fact_crypto_price_metrics', 'market_metrics', 'price_snapshots'
        ]::regclass[]) WITH ORDINALITY AS t (parent, turn)
        JOIN pg_inherits AS i ON i.inhparent = t.parent
        ORDER BY t.turn
    LOOP
        EXECUTE format('ALTER TABLE %s DETACH PARTITION %s',
            (SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = partition), partition);
        EXECUTE format('DROP TABLE %s', partition);
    END LOOP;
    TRUNCATE
        coin_list_batches, coin_listings, coin_contracts,
        analytics.fact_crypto_price_hourly, analytics.fact_crypto_price_daily,
        source_candles, price_corrections, rejected_points, price_points, history_batches, history_series,
        analytics.fact_crypto_price_metrics, market_metrics, price_snapshots,
        rejected_records, ingestion_batches, cryptocurrency_names, cryptocurrencies;
    DELETE FROM analytics.dim_cryptocurrency WHERE crypto_key <> -1;
    DELETE FROM analytics.dim_source WHERE source_key <> -1;
    INSERT INTO loading.replays DEFAULT VALUES RETURNING replay_id INTO replay;
    RETURN replay;
END
$$;
