-- Roles: what a loader without the right to change the schema needs all the same.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

-- A load makes the partitions of its months, and maintenance makes and drops whole months. Both
-- are changes of the schema, and the loader may make no other: these three functions run with the
-- rights of the tables' owner, on a fixed search path, and only grants.sql says who may call them.
-- A partition can only be made of a table of that owner, so the loader cannot have others changed.
ALTER FUNCTION ensure_month_partitions(regclass, timestamptz[])
    SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION create_month_partitions_ahead(integer)
    SECURITY DEFINER SET search_path = public, pg_temp;
ALTER FUNCTION drop_months_before(timestamptz)
    SECURITY DEFINER SET search_path = public, pg_temp;
REVOKE EXECUTE ON FUNCTION ensure_month_partitions(regclass, timestamptz[]) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION create_month_partitions_ahead(integer) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION drop_months_before(timestamptz) FROM PUBLIC;
