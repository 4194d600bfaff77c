-- Marts over the candles: returns, risk, rankings, the market, correlations. What each column is made of is
-- in sql/marts. Runs once, in one transaction; never edited after release: a change is a new migration.

CREATE FUNCTION to_double(value numeric) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN value = 0 OR abs(value) BETWEEN 1e-300 AND 1e300 THEN value::double precision
END;
COMMENT ON FUNCTION to_double(numeric) IS
    'A number as a double; null where a double is too small or too large for it.';

CREATE FUNCTION rank_class(cap_position integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN cap_position <= 10 THEN '1-10'
    WHEN cap_position <= 50 THEN '11-50'
    WHEN cap_position <= 100 THEN '51-100'
    WHEN cap_position <= 250 THEN '101-250'
    WHEN cap_position > 250 THEN '251+'
END;
COMMENT ON FUNCTION rank_class(integer) IS
    'The class of a place by market capitalisation in which movers are ranked.';

-- A coin's ids, the former ones too, as people confirmed. An alias has one successor, so of a series of
-- ids each has its distance.
CREATE VIEW coin_former_ids AS
WITH RECURSIVE former AS (
    SELECT new_id AS crypto_id, old_id AS former_id, 1 AS steps
    FROM coin_aliases WHERE revoked_at IS NULL
    UNION ALL
    SELECT f.crypto_id, a.old_id, f.steps + 1
    FROM former AS f JOIN coin_aliases AS a ON a.new_id = f.former_id AND a.revoked_at IS NULL
)
SELECT crypto_id, former_id, steps FROM former;

CREATE TABLE mart_progress (
    made_of text PRIMARY KEY,
    loaded_until timestamptz NOT NULL
);

CREATE TABLE analytics.mart_returns_hourly (
    crypto_id text NOT NULL,
    vs_currency text NOT NULL,
    hour_start timestamptz NOT NULL,
    simple_return_1h double precision,
    log_return_1h double precision,
    simple_return_24h double precision,
    log_return_24h double precision,
    simple_return_7d double precision,
    log_return_7d double precision,
    simple_return_30d double precision,
    log_return_30d double precision,
    simple_return_1y double precision,
    log_return_1y double precision,
    load_timestamp timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (crypto_id, vs_currency, hour_start)
) PARTITION BY RANGE (hour_start);
CREATE INDEX mart_returns_hourly_load_timestamp ON analytics.mart_returns_hourly
USING brin (load_timestamp) WITH (autosummarize = on);

CREATE TABLE analytics.mart_coin_daily (
    crypto_id text NOT NULL,
    vs_currency text NOT NULL,
    day date NOT NULL,
    close_price numeric NOT NULL,
    simple_return_1d double precision,
    log_return_1d double precision,
    hourly_returns integer NOT NULL,
    realised_variance double precision,
    realised_volatility_1d double precision,
    realised_volatility_30d double precision,
    daily_returns_30d integer NOT NULL,
    volatility_30d double precision,
    peak_price numeric NOT NULL,
    drawdown double precision,
    max_drawdown double precision,
    total_volume numeric,
    volume_median_30d double precision,
    volume_ratio double precision,
    load_timestamp timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (crypto_id, vs_currency, day),
    CONSTRAINT peak_is_highest CHECK (close_price <= peak_price),
    CONSTRAINT drawdown_not_positive CHECK (max_drawdown <= drawdown AND drawdown <= 0)
);
CREATE INDEX mart_coin_daily_load_timestamp ON analytics.mart_coin_daily
USING brin (load_timestamp) WITH (autosummarize = on);

CREATE TABLE analytics.mart_rankings_daily (
    vs_currency text NOT NULL,
    day date NOT NULL,
    crypto_id text NOT NULL,
    market_cap numeric,
    cap_position integer NOT NULL,
    rank_class text NOT NULL,
    market_cap_share double precision,
    simple_return_1d double precision,
    gain_position integer,
    loss_position integer,
    load_timestamp timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (vs_currency, day, crypto_id)
);
CREATE INDEX mart_rankings_daily_load_timestamp ON analytics.mart_rankings_daily
USING brin (load_timestamp) WITH (autosummarize = on);

CREATE TABLE analytics.mart_market_daily (
    vs_currency text NOT NULL,
    day date NOT NULL,
    coins integer NOT NULL,
    market_cap numeric,
    total_volume numeric,
    largest_id text NOT NULL,
    largest_share double precision,
    top_10_share double precision,
    concentration double precision,
    advancing integer NOT NULL,
    declining integer NOT NULL,
    unchanged integer NOT NULL,
    advancing_share double precision,
    at_peak integer NOT NULL,
    load_timestamp timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (vs_currency, day)
);

CREATE TABLE analytics.mart_correlations_daily (
    vs_currency text NOT NULL,
    day date NOT NULL,
    cap_position integer NOT NULL,
    other_position integer NOT NULL,
    crypto_id text NOT NULL,
    other_id text NOT NULL,
    correlation double precision,
    common_days integer NOT NULL,
    load_timestamp timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (vs_currency, day, cap_position, other_position),
    CONSTRAINT larger_first CHECK (cap_position < other_position),
    CONSTRAINT correlation_in_range CHECK (correlation BETWEEN -1 AND 1)
);
CREATE INDEX mart_correlations_daily_load_timestamp ON analytics.mart_correlations_daily
USING brin (load_timestamp) WITH (autosummarize = on);

CREATE VIEW analytics.v_top_movers AS
WITH newest AS (
    SELECT c.vs_currency, n.day
    FROM analytics.dim_currency AS c
    CROSS JOIN LATERAL (
        SELECT m.day FROM analytics.mart_market_daily AS m
        WHERE m.vs_currency = c.vs_currency ORDER BY m.day DESC LIMIT 1
    ) AS n
)
SELECT
    r.vs_currency, r.day, r.rank_class, m.direction, m.place, r.crypto_id, d.symbol, d.name,
    r.simple_return_1d, r.cap_position
FROM newest
JOIN analytics.mart_rankings_daily AS r USING (vs_currency, day)
CROSS JOIN LATERAL (
    VALUES ('gain', r.gain_position), ('loss', r.loss_position)
) AS m (direction, place)
LEFT JOIN analytics.dim_cryptocurrency AS d ON d.crypto_id = r.crypto_id AND d.is_current
WHERE m.place <= 10 AND CASE m.direction WHEN 'gain' THEN r.simple_return_1d > 0
    ELSE r.simple_return_1d < 0 END;

-- As before, of a table that is partitioned by another time too; and a row that is changed says when.
CREATE OR REPLACE FUNCTION merge_incoming(target regclass, overwrite boolean)
RETURNS TABLE (rows_inserted bigint, rows_updated bigint)
LANGUAGE plpgsql AS $$
DECLARE
    incoming text := 'incoming_' || (SELECT relname FROM pg_class WHERE oid = target);
    key_columns name[];
    keys text;
    columns text;
    given text;
    updates text;
    differs text;
BEGIN
    SELECT array_agg(a.attname ORDER BY array_position(i.indkey::smallint[], a.attnum))
    INTO key_columns
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = target AND i.indisprimary;
    IF key_columns IS NULL THEN
        RAISE EXCEPTION '% has no primary key', target USING ERRCODE = 'invalid_table_definition';
    END IF;
    -- A column that is not offered gets its default.
    SELECT
        string_agg(quote_ident(t.attname), ', ' ORDER BY t.attnum),
        -- A new row gets a surrogate key. Only then is a number drawn, so they stay dense.
        string_agg(
            CASE WHEN t.attidentity = '' THEN format('i.%I', t.attname)
            ELSE format(
                'coalesce(i.%I, nextval(%L))',
                t.attname, pg_get_serial_sequence(target::text, t.attname)
            ) END,
            ', ' ORDER BY t.attnum
        ),
        string_agg(format('%1$I = excluded.%1$I', t.attname), ', ' ORDER BY t.attnum)
            FILTER (WHERE t.attname <> ALL (key_columns)),
        string_agg(format('(t.%1$I IS DISTINCT FROM excluded.%1$I)', t.attname), ' OR ')
            FILTER (WHERE t.attname <> ALL (key_columns))
    INTO columns, given, updates, differs
    FROM pg_attribute AS t
    JOIN pg_attribute AS i ON i.attname = t.attname AND i.attrelid = incoming::regclass
    WHERE t.attrelid = target AND t.attnum > 0 AND i.attnum > 0
        AND NOT t.attisdropped AND NOT i.attisdropped;
    IF (SELECT relkind = 'p' FROM pg_class WHERE oid = target) THEN
        EXECUTE format(
            'SELECT ensure_month_partitions(%L, (SELECT array_agg(DISTINCT %I) FROM %I))',
            target, month_column(target), incoming
        );
    END IF;
    IF updates IS NOT NULL AND EXISTS (
        SELECT FROM pg_attribute AS t
        WHERE t.attrelid = target AND t.attname = 'load_timestamp' AND NOT EXISTS (
            SELECT FROM pg_attribute AS i
            WHERE i.attrelid = incoming::regclass AND i.attname = 'load_timestamp'
        )
    ) THEN
        updates := updates || ', load_timestamp = statement_timestamp()';
    END IF;
    keys := (SELECT string_agg(quote_ident(k), ', ') FROM unnest(key_columns) AS k);
    IF NOT overwrite OR updates IS NULL THEN
        RETURN QUERY EXECUTE format(
            $merge$
            WITH merged AS (
                INSERT INTO %1$s (%2$s) SELECT %3$s FROM %4$I AS i
                ON CONFLICT DO NOTHING
                RETURNING 1
            )
            SELECT count(*), 0::bigint FROM merged
            $merge$,
            target, columns, given, incoming
        );
        RETURN;
    END IF;
    -- Of a partitioned table no system column tells a new row from a changed one.
    RETURN QUERY EXECUTE format(
        $merge$
        WITH known AS MATERIALIZED (
            SELECT %5$s, true AS is_known FROM %1$s WHERE (%5$s) IN (SELECT %5$s FROM %4$I)
        ),
        merged AS (
            INSERT INTO %1$s AS t (%2$s) SELECT %3$s FROM %4$I AS i
            ON CONFLICT (%5$s) DO UPDATE SET %6$s WHERE %7$s
            RETURNING %8$s
        )
        SELECT count(*) FILTER (WHERE is_known IS NULL), count(is_known)
        FROM merged LEFT JOIN known USING (%5$s)
        $merge$,
        target, columns, given, incoming, keys, updates, differs,
        (SELECT string_agg('t.' || quote_ident(k), ', ') FROM unnest(key_columns) AS k)
    );
END
$$;
COMMENT ON FUNCTION merge_incoming(regclass, boolean) IS
    'Merges the relation incoming_<table> into a table by its primary key (making the monthly partitions that one has), as far as their columns have the same names: the first write wins, or, with overwrite, the last one, and a row that is the same stays untouched. A load_timestamp that is not offered says when a row was written. Answers how many rows were new and how many were changed.';

-- As before, with the months of the returns.
CREATE OR REPLACE FUNCTION loading_month(parent regclass, month timestamptz) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF parent <> ALL (ARRAY[
        'public.price_snapshots', 'public.market_metrics', 'analytics.fact_crypto_price_metrics',
        'public.price_points', 'analytics.fact_crypto_price_hourly', 'analytics.mart_returns_hourly'
    ]::regclass[]) THEN
        RAISE EXCEPTION '% is no table that has months', parent
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF month <> date_trunc('month', month AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' THEN
        RAISE EXCEPTION '% is no start of a month (UTC)', month
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN (
        SELECT format('loading.%I', relname || to_char(month AT TIME ZONE 'UTC', '_YYYY_MM'))
        FROM pg_class WHERE oid = parent
    );
END
$$;

-- As before, and the marts.
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
            'analytics.mart_returns_hourly', 'analytics.fact_crypto_price_hourly', 'price_points',
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
        analytics.mart_returns_hourly, analytics.mart_coin_daily, analytics.mart_rankings_daily,
        analytics.mart_market_daily, analytics.mart_correlations_daily, mart_progress,
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

-- As before, and the marts.
CREATE OR REPLACE FUNCTION unload_history(coins text[], currencies text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    batches bigint;
BEGIN
    PERFORM lock_warehouse();
    DELETE FROM price_corrections AS t USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency);
    DELETE FROM source_candles AS t USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency);
    DELETE FROM price_points AS t USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency);
    -- What was made of the candles goes with them; of those that stay it is made anew, since they count as
    -- written now: the coin's other hours, and of each day that loses its candle that of another coin.
    WITH gone AS (
        DELETE FROM analytics.mart_rankings_daily AS t
        USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
        WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency)
        RETURNING t.vs_currency, t.day
    ),
    without AS (
        DELETE FROM analytics.mart_market_daily AS t USING gone AS g
        WHERE (t.vs_currency, t.day) = (g.vs_currency, g.day)
    ),
    uncorrelated AS (
        DELETE FROM analytics.mart_correlations_daily AS t USING gone AS g
        WHERE (t.vs_currency, t.day) = (g.vs_currency, g.day)
    )
    UPDATE analytics.fact_crypto_price_daily AS f SET load_timestamp = statement_timestamp()
    FROM (
        SELECT DISTINCT ON (g.vs_currency, g.day) o.crypto_id, g.vs_currency, g.day
        FROM gone AS g
        JOIN analytics.fact_crypto_price_daily AS o
            ON o.vs_currency = g.vs_currency AND o.day = g.day
        WHERE (o.crypto_id, o.vs_currency) NOT IN (SELECT * FROM unnest(coins, currencies))
        ORDER BY g.vs_currency, g.day, o.crypto_id
    ) AS other
    WHERE (f.crypto_id, f.vs_currency, f.day) = (other.crypto_id, other.vs_currency, other.day);
    DELETE FROM analytics.mart_coin_daily AS t
    USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency);
    DELETE FROM analytics.mart_returns_hourly AS t
    USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency);
    UPDATE analytics.fact_crypto_price_hourly AS t SET load_timestamp = statement_timestamp()
    FROM unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency) AND t.origin = 'snapshot';
    UPDATE analytics.fact_crypto_price_daily AS t SET load_timestamp = statement_timestamp()
    FROM unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency) AND t.origin = 'snapshot';
    DELETE FROM analytics.fact_crypto_price_hourly AS t
    USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency) AND t.origin <> 'snapshot';
    DELETE FROM analytics.fact_crypto_price_daily AS t
    USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency) AND t.origin <> 'snapshot';
    UPDATE history_batches AS t
    SET status = 'failed', error = 'not loaded once more', points_loaded = 0, points_restated = 0
    FROM unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency) AND t.status = 'completed';
    GET DIAGNOSTICS batches = ROW_COUNT;
    RETURN batches;
END
$$;
