-- What changes in this transaction: hours that are made anew from all that they have, and the days that
-- are made anew from all of their hours, with how many hours are new in each.
CREATE TEMPORARY TABLE changed_hours (
    crypto_id text NOT NULL,
    vs_currency text NOT NULL,
    hour_start timestamptz NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE changed_days (
    crypto_id text NOT NULL,
    vs_currency text NOT NULL,
    day_start timestamptz NOT NULL,
    hours bigint NOT NULL
) ON COMMIT DROP;
-- The days as they are to be.
CREATE TEMPORARY TABLE day_candles (
    crypto_id text NOT NULL,
    vs_currency text NOT NULL,
    day date NOT NULL,
    source_key integer NOT NULL,
    open_price numeric NOT NULL,
    high_price numeric NOT NULL,
    low_price numeric NOT NULL,
    close_price numeric NOT NULL,
    mean_price numeric NOT NULL,
    market_cap numeric,
    total_volume numeric,
    observations integer NOT NULL,
    hours bigint NOT NULL,
    snapshot_hours bigint NOT NULL,
    origin text NOT NULL,
    first_hour timestamptz NOT NULL,
    last_hour timestamptz NOT NULL
) ON COMMIT DROP;
-- Daily points that are new in silver.
CREATE TEMPORARY TABLE daily_points (
    crypto_id text NOT NULL,
    vs_currency text NOT NULL,
    granularity_minutes smallint NOT NULL,
    day_start timestamptz NOT NULL,
    price numeric NOT NULL,
    market_cap numeric,
    total_volume numeric,
    history_batch_id bigint NOT NULL,
    date_key integer NOT NULL
) ON COMMIT DROP;
