-- Maintenance: monthly partitions made ahead, and retention, which drops whole months.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

-- What retention takes away, a batch says itself: its counts still add up with what the tables
-- hold, and the file of a batch that is there is not loaded again. A count and not a mark, because
-- few batches go as a whole: a coin that the source stopped updating months ago is in today's file.
ALTER TABLE ingestion_batches
    ADD COLUMN records_retired integer NOT NULL DEFAULT 0
        CONSTRAINT retired_were_loaded CHECK (records_retired BETWEEN 0 AND records_loaded),
    ADD COLUMN details_forgotten_at timestamptz;
COMMENT ON COLUMN ingestion_batches.records_retired IS 'Of the records loaded, those whose month retention has dropped.';
COMMENT ON COLUMN ingestion_batches.details_forgotten_at IS 'When retention emptied request, warnings, schema_drift and the text of the rejected records, UTC; null while they are there.';
COMMENT ON COLUMN rejected_records.record IS 'The record''s JSON text as received; empty once the details of an old batch are forgotten: the landing file keeps it.';

-- Both functions below lock tables that people read. They take the lock of the loads first, however
-- long that takes. For the tables they then wait less than deadlock_timeout: a query that is in the
-- way is neither cancelled nor are others kept waiting behind it. The call fails instead, whole, and
-- is worth a new try. What is set inside a function with a SET clause ends with the function.
CREATE FUNCTION create_month_partitions_ahead(months integer) RETURNS SETOF text
LANGUAGE plpgsql
SET lock_timeout = 0
AS $$
DECLARE
    parent regclass;
    month timestamp;
BEGIN
    PERFORM lock_warehouse();
    SET LOCAL lock_timeout = '500ms';
    FOREACH parent IN ARRAY ARRAY[
        'price_snapshots', 'market_metrics', 'analytics.fact_crypto_price_metrics'
    ]::regclass[] LOOP
        FOR month IN
            SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + ahead * interval '1 month'
            FROM generate_series(0, months) AS ahead
        LOOP
            IF ensure_month_partitions(parent, ARRAY[month AT TIME ZONE 'UTC']) > 0 THEN
                RETURN NEXT parent::text || to_char(month, '_YYYY_MM');
            END IF;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION create_month_partitions_ahead(integer) IS
    'Creates the partitions of this month (UTC) and of so many after it, in all three tables that have them; answers those that were missing.';

-- Detaching a partition that a foreign key points to makes PostgreSQL look for rows that still do, by
-- a join of the partition with the whole referencing table. As a hash or merge join that reads every
-- month there is. As a nested loop it looks, for a row of the old month, into that month's partition
-- alone, which is gone by then: the cost is that of what is dropped, whatever is kept.
CREATE FUNCTION drop_months_before(first_kept timestamptz) RETURNS SETOF text
LANGUAGE plpgsql
SET lock_timeout = 0
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    old record;
BEGIN
    PERFORM lock_warehouse();
    -- Gold learns from silver: a month stays until all of it is in the star schema.
    SELECT least(first_kept, min(s.snapshot_time)) INTO first_kept
    FROM ingestion_batches AS b
    JOIN price_snapshots AS s USING (batch_id)
    WHERE b.status = 'completed' AND b.gold_loaded_at IS NULL AND s.snapshot_time < first_kept;

    CREATE TEMPORARY TABLE old_months ON COMMIT DROP AS
    WITH partitions AS MATERIALIZED (
        SELECT
            t.turn,
            t.parent,
            c.oid::regclass::text AS name,
            substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''(.*)''\)') AS upper_bound
        FROM unnest(ARRAY[
            -- A table goes before the one that it refers to.
            'analytics.fact_crypto_price_metrics', 'market_metrics', 'price_snapshots'
        ]::regclass[]) WITH ORDINALITY AS t (parent, turn)
        JOIN pg_inherits AS i ON i.inhparent = t.parent
        JOIN pg_class AS c ON c.oid = i.inhrelid
    )
    SELECT * FROM partitions WHERE upper_bound::timestamptz <= first_kept;
    IF NOT EXISTS (SELECT FROM old_months) THEN
        DROP TABLE old_months;
        RETURN;
    END IF;

    FOR old IN SELECT * FROM old_months WHERE parent = 'price_snapshots'::regclass LOOP
        EXECUTE format(
            'UPDATE ingestion_batches AS b SET records_retired = records_retired + o.snapshots'
            ' FROM (SELECT batch_id, count(*) AS snapshots FROM %s GROUP BY batch_id) AS o'
            ' WHERE b.batch_id = o.batch_id',
            old.name
        );
    END LOOP;
    SET LOCAL lock_timeout = '500ms';
    LOCK TABLE ONLY price_snapshots, ONLY market_metrics, ONLY analytics.fact_crypto_price_metrics
        IN ACCESS EXCLUSIVE MODE;
    FOR old IN SELECT * FROM old_months ORDER BY turn, name LOOP
        IF old.parent = 'price_snapshots'::regclass THEN
            EXECUTE format('ALTER TABLE %s DETACH PARTITION %s', old.parent, old.name);
        END IF;
        EXECUTE format('DROP TABLE %s', old.name);
        RETURN NEXT old.name;
    END LOOP;
    DROP TABLE old_months;
END
$$;
COMMENT ON FUNCTION drop_months_before(timestamptz) IS
    'Drops the partitions that end at or before the given time from the fact table, market_metrics and price_snapshots; answers which. Snapshots that still wait for gold stay, and what is newer. Batches stay and count what they lost in records_retired.';

CREATE FUNCTION forget_batch_details(before timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    forgotten bigint[];
BEGIN
    PERFORM lock_warehouse();
    WITH emptied AS (
        UPDATE ingestion_batches
        SET request = '{}', warnings = '{}', schema_drift = '{}', details_forgotten_at = now()
        WHERE status = 'completed' AND details_forgotten_at IS NULL AND loaded_at < before
        RETURNING batch_id
    )
    SELECT coalesce(array_agg(batch_id), '{}') INTO forgotten FROM emptied;
    UPDATE rejected_records SET record = '' WHERE batch_id = ANY (forgotten) AND record <> '';
    RETURN cardinality(forgotten);
END
$$;
COMMENT ON FUNCTION forget_batch_details(timestamptz) IS
    'Empties request, warnings, schema_drift and the text of the rejected records of the completed batches that were loaded before the given time; answers how many. The batches stay, and of each rejected record its place, rules and reason; the landing file keeps everything.';
