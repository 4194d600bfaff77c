-- Candles as CoinGecko makes them.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

-- CoinGecko dates a candle by the moment at which it closes.
CREATE TABLE source_candles (
    crypto_id text NOT NULL,
    vs_currency text NOT NULL,
    granularity_minutes smallint NOT NULL,
    closed_at timestamptz NOT NULL,
    open_price numeric NOT NULL,
    high_price numeric NOT NULL,
    low_price numeric NOT NULL,
    close_price numeric NOT NULL,
    history_batch_id bigint NOT NULL REFERENCES history_batches,
    point_index integer NOT NULL,
    PRIMARY KEY (crypto_id, vs_currency, granularity_minutes, closed_at),
    CONSTRAINT granularity_positive CHECK (granularity_minutes > 0),
    CONSTRAINT closed_at_plausible CHECK (closed_at >= timestamptz '2009-01-03 00:00:00+00'),
    CONSTRAINT candle_positive CHECK (
        least(open_price, high_price, low_price, close_price) > 0
    ),
    CONSTRAINT candle_finite CHECK (
        greatest(open_price, high_price, low_price, close_price) < 'Infinity'
    ),
    CONSTRAINT candle_in_order CHECK (
        low_price <= least(open_price, close_price)
        AND high_price >= greatest(open_price, close_price)
    )
);
CREATE INDEX source_candles_batch ON source_candles (history_batch_id);
ALTER TABLE history_batches
    DROP CONSTRAINT known_origin,
    DROP CONSTRAINT known_granularity,
    ADD CONSTRAINT known_origin CHECK (origin IN ('chart', 'import', 'ohlc')),
    ADD CONSTRAINT known_granularity CHECK (
        granularity_minutes IN (5, 60, 1440) OR origin = 'ohlc' AND granularity_minutes > 0
    );

-- As before, and the candles.
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
        analytics.fact_crypto_price_hourly, analytics.fact_crypto_price_daily, source_candles,
        price_corrections, rejected_points, price_points, history_batches, history_series,
        analytics.fact_crypto_price_metrics, market_metrics, price_snapshots,
        rejected_records, ingestion_batches, cryptocurrency_names, cryptocurrencies;
    DELETE FROM analytics.dim_cryptocurrency WHERE crypto_key <> -1;
    DELETE FROM analytics.dim_source WHERE source_key <> -1;
    INSERT INTO loading.replays DEFAULT VALUES RETURNING replay_id INTO replay;
    RETURN replay;
END
$$;
