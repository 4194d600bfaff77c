-- Bulk loads: a month that has no partitions yet is built apart, filled first and constrained then,
-- and attached when it is complete.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

CREATE SCHEMA loading;
COMMENT ON SCHEMA loading IS
    'Months on their way: tables that a bulk load fills and attaches in the same transaction. Empty for everybody else.';

CREATE FUNCTION month_partition(parent regclass, month timestamptz) RETURNS regclass
LANGUAGE sql STABLE AS $$
    SELECT to_regclass(
        format('%I.%I', n.nspname, c.relname || to_char(month AT TIME ZONE 'UTC', '_YYYY_MM'))
    )
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = parent
$$;
COMMENT ON FUNCTION month_partition(regclass, timestamptz) IS
    'The partition of a table for the month (UTC) of a time; null if there is none.';

CREATE FUNCTION loading_month(parent regclass, month timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT format('loading.%I', relname || to_char(month AT TIME ZONE 'UTC', '_YYYY_MM'))
    FROM pg_class WHERE oid = parent
$$;
COMMENT ON FUNCTION loading_month(regclass, timestamptz) IS
    'Name of the table in schema loading that is to become a table''s partition.';

CREATE FUNCTION create_month_table(parent regclass, month timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- The last constraint is what lets ATTACH believe that no row belongs elsewhere.
    EXECUTE format(
        'CREATE TABLE %s (LIKE %s INCLUDING CONSTRAINTS, '
        'CONSTRAINT in_month CHECK (snapshot_time >= %L AND snapshot_time < %L))',
        loading_month(parent, month), parent, month,
        (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'
    );
END
$$;
COMMENT ON FUNCTION create_month_table(regclass, timestamptz) IS
    'Creates, in schema loading, the table that is to become a table''s partition for the month (UTC) that starts at the given time.';

-- As before, but without CREATE TABLE ... PARTITION OF, which waits for every query of the table and
-- makes others wait meanwhile. ATTACH does not.
CREATE OR REPLACE FUNCTION ensure_month_partitions(parent regclass, times timestamptz[])
RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    month timestamptz;
    created integer := 0;
BEGIN
    FOR month IN
        SELECT DISTINCT date_trunc('month', t AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
        FROM unnest(times) AS t ORDER BY 1
    LOOP
        IF month_partition(parent, month) IS NULL THEN
            PERFORM create_month_table(parent, month);
            PERFORM attach_loading_month(parent, month);
            created := created + 1;
        END IF;
    END LOOP;
    RETURN created;
END
$$;

CREATE FUNCTION create_loading_month(parent regclass, month timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM create_month_table(parent, month);
    EXECUTE format(
        'CREATE TEMPORARY VIEW %I AS SELECT * FROM %s',
        (SELECT 'month_' || relname FROM pg_class WHERE oid = parent), loading_month(parent, month)
    );
END
$$;
COMMENT ON FUNCTION create_loading_month(regclass, timestamptz) IS
    'Creates such a table, and the temporary view month_<table> as a name for it.';

-- A sample of 3,000 rows is enough to plan by until the server takes its own.
CREATE FUNCTION index_loading_month(parent regclass, month timestamptz) RETURNS void
LANGUAGE plpgsql
SET default_statistics_target = 10
AS $$
DECLARE
    definition text;
    indexed text;
BEGIN
    FOR definition IN
        SELECT coalesce(
            format('ALTER TABLE %s ADD ', loading_month(parent, month)) || pg_get_constraintdef(c.oid),
            regexp_replace(
                pg_get_indexdef(i.indexrelid),
                ' INDEX .* USING ', format(' INDEX ON %s USING ', loading_month(parent, month))
            )
        )
        FROM pg_index AS i
        LEFT JOIN pg_constraint AS c
            ON c.conindid = i.indexrelid AND c.contype = 'p' AND c.conrelid = parent
        WHERE i.indrelid = parent
        ORDER BY i.indisprimary DESC, i.indexrelid
    LOOP
        EXECUTE definition;
    END LOOP;
    SELECT string_agg(DISTINCT quote_ident(a.attname), ', ') INTO indexed
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = parent;
    EXECUTE format('ANALYZE %s (%s)', loading_month(parent, month), indexed);
END
$$;
COMMENT ON FUNCTION index_loading_month(regclass, timestamptz) IS
    'Gives a month in schema loading the primary key and the indexes of the table it will belong to, and statistics of the indexed columns.';

-- What is set inside a function with a SET clause ends with the function.
CREATE FUNCTION attach_loading_month(parent regclass, month timestamptz) RETURNS void
LANGUAGE plpgsql
SET enable_hashjoin = on
SET enable_mergejoin = on
AS $$
DECLARE
    parent_schema name;
    partition regclass;
    other regrole;
BEGIN
    -- A foreign key is checked by a join of the month with the table it points to. If that has months
    -- itself, a hash or merge join reads all of them; a nested loop looks into the one of the row.
    IF EXISTS (
        SELECT FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.confrelid
        WHERE c.conrelid = parent AND c.contype = 'f' AND r.relkind = 'p'
    ) THEN
        SET LOCAL enable_hashjoin = off;
        SET LOCAL enable_mergejoin = off;
    END IF;
    SELECT n.nspname INTO STRICT parent_schema
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = parent;
    EXECUTE format('ALTER TABLE %s SET SCHEMA %I', loading_month(parent, month), parent_schema);
    partition := month_partition(parent, month);
    -- Checks the foreign keys, of all rows at once.
    EXECUTE format(
        'ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
        parent, partition, month, (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'
    );
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT in_month', partition);
    -- Who was let in to fill it reaches it through its table from now on.
    FOR other IN
        SELECT DISTINCT a.grantee
        FROM pg_class AS c, aclexplode(c.relacl) AS a
        WHERE c.oid = partition AND a.grantee NOT IN (0, c.relowner)
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', partition, other);
    END LOOP;
END
$$;
COMMENT ON FUNCTION attach_loading_month(regclass, timestamptz) IS
    'Makes a month in schema loading a partition of the given table. Queries go on meanwhile.';

CREATE TABLE loading.replays (
    replay_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE UNIQUE INDEX replays_one_unfinished ON loading.replays ((true)) WHERE finished_at IS NULL;
COMMENT ON TABLE loading.replays IS
    'Every time that silver and gold were emptied to be loaded again from the landing zone.';
COMMENT ON COLUMN loading.replays.replay_id IS 'Surrogate key.';
COMMENT ON COLUMN loading.replays.started_at IS 'When the tables were emptied, UTC.';
COMMENT ON COLUMN loading.replays.finished_at IS
    'When all files were loaded again, UTC; while it is null, the next replay goes on with this one.';

CREATE FUNCTION begin_replay() RETURNS bigint
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
        analytics.fact_crypto_price_metrics, market_metrics, price_snapshots,
        rejected_records, ingestion_batches, cryptocurrency_names, cryptocurrencies;
    DELETE FROM analytics.dim_cryptocurrency WHERE crypto_key <> -1;
    DELETE FROM analytics.dim_source WHERE source_key <> -1;
    INSERT INTO loading.replays DEFAULT VALUES RETURNING replay_id INTO replay;
    RETURN replay;
END
$$;
COMMENT ON FUNCTION begin_replay() IS
    'Empties silver and gold, to be loaded again from the landing zone; answers the replay''s number. While one is unfinished, that one is answered and nothing emptied.';
