-- Roles: what a loader without the right to change the schema needs all the same.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

-- A load makes the partitions of its months, and maintenance makes and drops whole months. Both
-- are changes of the schema, and the loader may make no other: these three functions run with the
-- rights of the tables' owner, on a fixed search path, and only grants.sql says who may call them.

-- Not every table: the caller could have one whose constraints call functions of his own.
ALTER FUNCTION ensure_month_partitions(regclass, timestamptz[]) RENAME TO make_month_partitions;
CREATE FUNCTION ensure_month_partitions(parent regclass, times timestamptz[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF parent <> ALL (ARRAY[
        'public.price_snapshots', 'public.market_metrics', 'analytics.fact_crypto_price_metrics'
    ]::regclass[]) THEN
        RAISE EXCEPTION '% is no table that has months', parent
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN make_month_partitions(parent, times);
END
$$;
COMMENT ON FUNCTION ensure_month_partitions(regclass, timestamptz[]) IS
    'Creates the monthly (UTC) partitions of a table of the warehouse that hold the given times, with the rights of its owner; answers how many were missing.';
COMMENT ON FUNCTION make_month_partitions(regclass, timestamptz[]) IS
    'What ensure_month_partitions does, with the rights of the caller.';

ALTER FUNCTION create_month_partitions_ahead(integer)
    SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION drop_months_before(timestamptz)
    SECURITY DEFINER SET search_path = public, pg_temp;
REVOKE EXECUTE ON FUNCTION ensure_month_partitions(regclass, timestamptz[]) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION create_month_partitions_ahead(integer) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION drop_months_before(timestamptz) FROM PUBLIC;
