-- Staging of landing files, for one transaction: the decoder copies files and records into the two
-- temporary tables; evaluate_rules.sql evaluates them; staged_rows.sql says which rows every silver table
-- should then hold.
CREATE TEMPORARY TABLE staged_files (
    file_id integer PRIMARY KEY,
    landing_file text NOT NULL UNIQUE,
    file_sha256 text,
    partition_hour timestamptz NOT NULL,
    source text,
    vs_currency text,
    ingested_at timestamptz,
    ingested_at_origin text,
    request text NOT NULL,
    error text,
    failed boolean NOT NULL,
    max_rejected_share numeric NOT NULL
) ON COMMIT DROP;

-- A partition for the files that are staged at a time. What every pass reads stands before the
-- measures: to reach a column, PostgreSQL goes over all that stand before it.
CREATE TEMPORARY TABLE staged_records (
    file_id integer NOT NULL,
    record_index integer NOT NULL,
    snapshot_time timestamptz GENERATED ALWAYS AS (round_to_snapshot_interval(last_updated)) STORED,
    last_updated timestamptz,
    -- [[[cog definitions(staged_columns()) ]]]
    market_cap_rank integer,
    market_cap_rank_with_rehypothecated integer,
    crypto_id text,
    symbol text,
    name text,
    image_url text,
    current_price numeric,
    high_24h numeric,
    low_24h numeric,
    price_change_24h numeric,
    price_change_pct_24h numeric,
    ath numeric,
    ath_change_pct numeric,
    ath_date timestamptz,
    atl numeric,
    atl_change_pct numeric,
    atl_date timestamptz,
    market_cap numeric,
    fully_diluted_valuation numeric,
    total_volume numeric,
    market_cap_change_24h numeric,
    market_cap_change_pct_24h numeric,
    circulating_supply numeric,
    total_supply numeric,
    max_supply numeric,
    roi_times numeric,
    roi_currency text,
    roi_percentage numeric,
    -- [[[end]]]
    malformed text,
    unknown_fields text,
    missing_fields text
) PARTITION BY RANGE (file_id) ON COMMIT DROP;

-- The records that break a rule: names of the reject rules, for each of these the columns at fault,
-- the reason in words, names of the warn rules.
CREATE TEMPORARY TABLE violations (
    file_id integer NOT NULL,
    record_index integer NOT NULL,
    crypto_id text,
    unknown_fields text,
    missing_fields text,
    rejected_by text[] NOT NULL,
    at_fault text[] NOT NULL,
    reason text NOT NULL,
    warned_by text[] NOT NULL,
    PRIMARY KEY (file_id, record_index)
) ON COMMIT DROP;

-- The JSON text of the rejected records, for the quarantine.
CREATE TEMPORARY TABLE staged_rejects (
    file_id integer NOT NULL,
    record_index integer NOT NULL,
    record text NOT NULL
) ON COMMIT DROP;
