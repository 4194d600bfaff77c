-- Staging of price history, for one transaction: files and their points as they were read.
CREATE TEMPORARY TABLE staged_history_files (
    file_id integer PRIMARY KEY,
    landing_file text NOT NULL UNIQUE,
    file_sha256 text,
    origin text,
    crypto_id text NOT NULL,
    vs_currency text NOT NULL,
    granularity_minutes smallint,
    source text,
    requested_from timestamptz,
    requested_to timestamptz,
    ingested_at timestamptz,
    error text,
    failed boolean NOT NULL,
    points_fetched integer NOT NULL,
    points_unfinished integer NOT NULL,
    max_rejected_share numeric NOT NULL
) ON COMMIT DROP;

-- The time is in milliseconds since 1970, as charts have it. What a point breaks comes with it.
CREATE TEMPORARY TABLE staged_points (
    file_id integer NOT NULL,
    point_index integer NOT NULL,
    observed_ms bigint,
    price numeric,
    market_cap numeric,
    total_volume numeric,
    malformed text
) ON COMMIT DROP;

-- Candles, dated by the moment at which they close.
CREATE TEMPORARY TABLE staged_candles (
    file_id integer NOT NULL,
    point_index integer NOT NULL,
    closed_ms bigint,
    open_price numeric,
    high_price numeric,
    low_price numeric,
    close_price numeric,
    malformed text
) ON COMMIT DROP;

-- The text of the rejected points, for the quarantine.
CREATE TEMPORARY TABLE staged_rejected_points (
    file_id integer NOT NULL,
    point_index integer NOT NULL,
    point text NOT NULL
) ON COMMIT DROP;
