-- An hour costs the same however many months there are: loads and checks look into the months that
-- their batches reach, and no further.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

-- A query of a table with months that does not say which ones opens them all, and each session does
-- so anew: twenty years of months would take most of an hour's load. Values that the planner does not
-- know while it plans come too late for that.

CREATE FUNCTION months_of_batches(batches bigint[]) RETURNS timestamptz[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    wanted bigint;
    newest timestamptz;
    found bigint;
    month timestamp;
    months timestamptz[] := '{}';
BEGIN
    SELECT coalesce(sum(records_loaded - records_retired), 0), max(ingested_at) + interval '8 minutes'
    INTO wanted, newest
    FROM ingestion_batches WHERE batch_id = ANY (batches) AND status = 'completed';
    -- No bucket is later than seven and a half minutes after its fetch, and most are of that hour.
    FOR month IN
        SELECT starts_at
        FROM (
            SELECT to_date(right(c.relname, 7), 'YYYY_MM')::timestamp AS starts_at
            FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'price_snapshots'::regclass
        ) AS partitions
        ORDER BY starts_at > newest AT TIME ZONE 'UTC', starts_at DESC
    LOOP
        EXIT WHEN wanted <= 0;
        -- With the month's bounds as text, for the planner to see them.
        EXECUTE format(
            'SELECT count(*) FROM price_snapshots WHERE batch_id = ANY ($1)'
            ' AND snapshot_time >= %L AND snapshot_time < %L',
            month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC'
        ) INTO found USING batches;
        IF found > 0 THEN
            wanted := wanted - found;
            months := months || month AT TIME ZONE 'UTC';
        END IF;
    END LOOP;
    RETURN months;
END
$$;
COMMENT ON FUNCTION months_of_batches(bigint[]) IS
    'The months (UTC) with the snapshots of completed batches: looked for back from the fetch until as many are found as the batches say they have.';

CREATE FUNCTION see_months(months timestamptz[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    seen record;
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
    FOR seen IN
        SELECT parent, 'seen_' || relname AS name
        FROM unnest(ARRAY[
            'price_snapshots', 'market_metrics', 'analytics.fact_crypto_price_metrics'
        ]::regclass[]) AS parent
        JOIN pg_class ON oid = parent
    LOOP
        EXECUTE format(
            'CREATE OR REPLACE TEMPORARY VIEW %I AS SELECT * FROM %s WHERE %s',
            seen.name, seen.parent, condition
        );
    END LOOP;
    -- v_price_history as it is, of these instead of the whole tables.
    EXECUTE 'CREATE OR REPLACE TEMPORARY VIEW seen_price_history AS '
        || regexp_replace(
            pg_get_viewdef('v_price_history'::regclass),
            '\m(price_snapshots|market_metrics) (s|m)\M', 'pg_temp.seen_\1 \2', 'g'
        );
END
$$;
COMMENT ON FUNCTION see_months(timestamptz[]) IS
    'Makes the temporary views seen_price_snapshots, seen_market_metrics, seen_fact_crypto_price_metrics and seen_price_history: the tables, and v_price_history, as far as they lie in the months (UTC) that start at the given times; whole if there is no list. The planner sees the bounds, so other months are not even opened.';

-- A load completes its batches without reading those of all hours.
CREATE INDEX ingestion_batches_loading ON ingestion_batches (batch_id) WHERE status = 'loading';
