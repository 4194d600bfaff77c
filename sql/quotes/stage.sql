-- Staging of one answer of a further source, for one transaction: its items as they were decoded. A
-- number's text becomes a NUMERIC here, digit by digit.
CREATE TEMPORARY TABLE staged_quotes (
    item_index integer NOT NULL,
    record_index integer NOT NULL,
    source_coin_id text,
    symbol text,
    name text,
    coin_rank integer,
    vs_currency text,
    price numeric,
    market_cap numeric,
    total_volume numeric,
    last_updated timestamptz,
    malformed text,
    unknown_fields text,
    missing_fields text
) ON COMMIT DROP;

CREATE TEMPORARY TABLE staged_contracts (
    item_index integer NOT NULL,
    record_index integer NOT NULL,
    source_coin_id text,
    contract_address text,
    malformed text
) ON COMMIT DROP;

CREATE TEMPORARY TABLE staged_candles (
    item_index integer NOT NULL,
    record_index integer NOT NULL,
    opened_at timestamptz,
    closed_at timestamptz,
    open_price numeric,
    high_price numeric,
    low_price numeric,
    close_price numeric,
    total_volume numeric,
    market_cap numeric,
    malformed text
) ON COMMIT DROP;

CREATE TEMPORARY TABLE broken_items (
    item_index integer PRIMARY KEY,
    record_index integer NOT NULL,
    source_coin_id text,
    vs_currency text,
    rules text[] NOT NULL,
    reason text NOT NULL
) ON COMMIT DROP;
