-- The field's words for what retention, partition pruning and exact decimals do here.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

ALTER TABLE ingestion_batches RENAME COLUMN details_forgotten_at TO details_purged_at;
DROP FUNCTION forget_batch_details(timestamptz);
CREATE FUNCTION purge_batch_details(before timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    purged bigint[];
BEGIN
    PERFORM lock_warehouse();
    WITH emptied AS (
        UPDATE ingestion_batches
        SET request = '{}', warnings = '{}', schema_drift = '{}', details_purged_at = now()
        WHERE status = 'completed' AND details_purged_at IS NULL AND loaded_at < before
        RETURNING batch_id
    )
    SELECT coalesce(array_agg(batch_id), '{}') INTO purged FROM emptied;
    UPDATE rejected_records SET record = '' WHERE batch_id = ANY (purged) AND record <> '';
    RETURN cardinality(purged);
END
$$;
COMMENT ON FUNCTION purge_batch_details(timestamptz) IS
    'Empties request, warnings, schema_drift and the text of the rejected records of the completed batches that were loaded before the given time; answers how many. The batches stay, and of each rejected record its place, rules and reason; the landing file keeps everything.';

DROP FUNCTION see_months(timestamptz[]);
CREATE FUNCTION create_pruned_views(months timestamptz[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    pruned record;
    condition text := 'true';
BEGIN
    IF months IS NOT NULL THEN
        SELECT coalesce(string_agg(
            format(
                'snapshot_time >= %L AND snapshot_time < %L',
                month, (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'
            ),
            ' OR '
        ), 'false') INTO condition
        FROM unnest(months) AS month;
    END IF;
    FOR pruned IN
        SELECT parent, 'pruned_' || relname AS name
        FROM unnest(ARRAY[
            'price_snapshots', 'market_metrics', 'analytics.fact_crypto_price_metrics'
        ]::regclass[]) AS parent
        JOIN pg_class ON oid = parent
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE TEMPORARY VIEW %I AS SELECT * FROM %s WHERE %s',
            pruned.name, pruned.parent, condition
        );
    END LOOP;
    -- v_price_history as it is, of these instead of the whole tables.
    EXECUTE 'CREATE OR REPLACE TEMPORARY VIEW pruned_price_history AS '
        || regexp_replace(
            pg_get_viewdef('v_price_history'::regclass),
            '\m(price_snapshots|market_metrics) (s|m)\M', 'pg_temp.pruned_\1 \2', 'g'
        );
END
$$;
COMMENT ON FUNCTION create_pruned_views(timestamptz[]) IS
    'Makes the temporary views pruned_price_snapshots, pruned_market_metrics, pruned_fact_crypto_price_metrics and pruned_price_history: the tables, and v_price_history, as far as they lie in the months (UTC) that start at the given times; whole if there is no list. The planner sees the bounds and prunes all other partitions.';

-- A function in SQL finds the others by name when it runs.
DROP FUNCTION lake.fit(numeric, integer, integer);
DROP FUNCTION lake.misfit(numeric, integer, integer);
CREATE FUNCTION lake.unrepresentable_reason(value numeric, digits integer, decimals integer)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN value IN ('NaN', 'Infinity', '-Infinity') THEN 'not a number'
        WHEN abs(lake.round_half_even(value, decimals)) >= power(10::numeric, digits - decimals)
            THEN format('too large for decimal(%s,%s)', digits, decimals)
        WHEN value <> 0 AND lake.round_half_even(value, decimals) = 0
            THEN format('would be zero as decimal(%s,%s)', digits, decimals)
    END
$$;
COMMENT ON FUNCTION lake.unrepresentable_reason(numeric, integer, integer) IS
    'Why a decimal of so many digits, so many of them after the point, cannot hold the value; null if it can.';

CREATE FUNCTION lake.to_decimal(value numeric, digits integer, decimals integer) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN lake.unrepresentable_reason(value, digits, decimals) IS NULL
            THEN lake.round_half_even(value, decimals)
    END
$$;
COMMENT ON FUNCTION lake.to_decimal(numeric, integer, integer) IS
    'The value as a decimal of so many digits, so many of them after the point, rounded half-even; null if it cannot hold it.';
