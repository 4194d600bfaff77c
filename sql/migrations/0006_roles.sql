-- Roles: what a loader without the right to change the schema needs all the same.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

-- A load makes the partitions of its months, empty or filled, and maintenance makes and drops whole
-- months. Both are changes of the schema, and the loader may make no other: these functions run with
-- the rights of the tables' owner, on a fixed search path, and only grants.sql says who may call them.

-- All that make, index or attach a month ask for its name. Not every table has months: the caller
-- could have one whose constraints call functions of his own.
CREATE OR REPLACE FUNCTION loading_month(parent regclass, month timestamptz) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF parent <> ALL (ARRAY[
        'public.price_snapshots', 'public.market_metrics', 'analytics.fact_crypto_price_metrics'
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
COMMENT ON FUNCTION loading_month(regclass, timestamptz) IS
    'Name of the table in schema loading that is to become a table''s partition; refuses a table that has no months, and a time that starts none.';

ALTER FUNCTION ensure_month_partitions(regclass, timestamptz[])
    SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION create_month_partitions_ahead(integer)
    SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION drop_months_before(timestamptz)
    SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION create_month_table(regclass, timestamptz)
    SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION index_loading_month(regclass, timestamptz)
    SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION attach_loading_month(regclass, timestamptz)
    SECURITY DEFINER SET search_path = public, pg_temp;
REVOKE EXECUTE ON FUNCTION
    ensure_month_partitions(regclass, timestamptz[]),
    create_month_partitions_ahead(integer),
    drop_months_before(timestamptz),
    create_month_table(regclass, timestamptz),
    index_loading_month(regclass, timestamptz),
    attach_loading_month(regclass, timestamptz)
    FROM PUBLIC;

-- A replay empties the tables: the owner's business alone.
REVOKE EXECUTE ON FUNCTION begin_replay() FROM PUBLIC;

-- The changes for the lake are written by triggers only. What fires a trigger needs no right to its
-- function; who could call it for a table of his own would write changes that never were.
ALTER FUNCTION lake.batch_changed() SECURITY DEFINER SET search_path = lake, pg_temp;
ALTER FUNCTION lake.facts_changed() SECURITY DEFINER SET search_path = lake, pg_temp;
REVOKE EXECUTE ON FUNCTION
    lake.start_over(),
    lake.batch_changed(),
    lake.facts_changed(),
    lake.facts_deleted(),
    lake.facts_truncated()
    FROM PUBLIC;
