-- The merge of the ordinary kind, for every table that has no way of its own in sql/merge.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

CREATE FUNCTION merge_incoming(target regclass, overwrite boolean)
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
            'SELECT ensure_month_partitions(%L, (SELECT array_agg(DISTINCT snapshot_time) FROM %I))',
            target, incoming
        );
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
    'Merges the relation incoming_<table> into a table by its primary key (making the monthly partitions that one has), as far as their columns have the same names: the first write wins, or, with overwrite, the last one, and a row that is the same stays untouched. Answers how many rows were new and how many were changed.';
