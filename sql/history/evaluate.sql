-- Which rules of quality.py the staged points break, and what becomes of each file.
ANALYZE staged_points (file_id);

CREATE TEMPORARY TABLE broken_points ON COMMIT DROP AS
SELECT
    file_id,
    point_index,
    -- [[[cog points_rejected_by() ]]]
    CASE
        WHEN (malformed IS NULL) IS NOT FALSE
            AND (observed_at IS NOT NULL) IS NOT FALSE
            AND (observed_at >= timestamptz '2009-01-03 00:00:00+00') IS NOT FALSE
            AND (observed_at <= ingested_at + interval '5 minutes') IS NOT FALSE
            AND (price IS NOT NULL) IS NOT FALSE
            AND (price > 0) IS NOT FALSE
            AND (least(market_cap, total_volume) >= 0) IS NOT FALSE THEN '{}'::text[]
        ELSE array_remove(ARRAY[
            CASE WHEN NOT (malformed IS NULL) THEN 'point_well_formed' END,
            CASE WHEN NOT (observed_at IS NOT NULL) THEN 'observed_at_present' END,
            CASE WHEN NOT (observed_at >= timestamptz '2009-01-03 00:00:00+00') THEN 'observed_at_plausible' END,
            CASE WHEN NOT (observed_at <= ingested_at + interval '5 minutes') THEN 'observed_at_not_in_future' END,
            CASE WHEN NOT (price IS NOT NULL) THEN 'price_present' END,
            CASE WHEN NOT (price > 0) THEN 'price_positive' END,
            CASE WHEN NOT (least(market_cap, total_volume) >= 0) THEN 'market_values_not_negative' END
        ]::text[], NULL)
    END
    -- [[[end]]]
    AS rejected_by,
    -- [[[cog points_reason() ]]]
    CASE
        WHEN (malformed IS NULL) IS NOT FALSE
            AND (observed_at IS NOT NULL) IS NOT FALSE
            AND (observed_at >= timestamptz '2009-01-03 00:00:00+00') IS NOT FALSE
            AND (observed_at <= ingested_at + interval '5 minutes') IS NOT FALSE
            AND (price IS NOT NULL) IS NOT FALSE
            AND (price > 0) IS NOT FALSE
            AND (least(market_cap, total_volume) >= 0) IS NOT FALSE THEN ''
        ELSE array_to_string(array_remove(ARRAY[
            CASE WHEN NOT (malformed IS NULL) THEN 'values that are no number or no time, or not storable (' || 'malformed = ' || coalesce(left(malformed, 1000), 'null') || ')' END,
            CASE WHEN NOT (observed_at IS NOT NULL) THEN 'no time (' || 'observed_at = ' || coalesce(observed_at::text, 'null') || ')' END,
            CASE WHEN NOT (observed_at >= timestamptz '2009-01-03 00:00:00+00') THEN 'its time lies before the first cryptocurrency (' || 'observed_at = ' || coalesce(observed_at::text, 'null') || ')' END,
            CASE WHEN NOT (observed_at <= ingested_at + interval '5 minutes') THEN 'its time lies after the fetch (' || 'observed_at = ' || coalesce(observed_at::text, 'null') || ', ' || 'ingested_at = ' || coalesce(ingested_at::text, 'null') || ')' END,
            CASE WHEN NOT (price IS NOT NULL) THEN 'no price (' || 'price = ' || coalesce(price::text, 'null') || ')' END,
            CASE WHEN NOT (price > 0) THEN 'price is not above 0 (' || 'price = ' || coalesce(price::text, 'null') || ')' END,
            CASE WHEN NOT (least(market_cap, total_volume) >= 0) THEN 'market cap or volume is negative (' || 'market_cap = ' || coalesce(market_cap::text, 'null') || ', ' || 'total_volume = ' || coalesce(total_volume::text, 'null') || ')' END
        ]::text[], NULL), '; ')
    END
    -- [[[end]]]
    AS reason,
    -- [[[cog points_warned_by() ]]]
    CASE
        WHEN (market_cap <> 0) IS NOT FALSE THEN '{}'::text[]
        ELSE array_remove(ARRAY[
            CASE WHEN NOT (market_cap <> 0) THEN 'market_cap_known' END
        ]::text[], NULL)
    END
    -- [[[end]]]
    AS warned_by
FROM (
    SELECT p.*, to_timestamp(p.observed_ms / 1000::double precision) AS observed_at, f.ingested_at
    FROM staged_points AS p JOIN staged_history_files AS f USING (file_id)
) AS point
WHERE NOT (
    -- [[[cog points_hold() ]]]
    (malformed IS NULL) IS NOT FALSE
    AND (observed_at IS NOT NULL) IS NOT FALSE
    AND (observed_at >= timestamptz '2009-01-03 00:00:00+00') IS NOT FALSE
    AND (observed_at <= ingested_at + interval '5 minutes') IS NOT FALSE
    AND (price IS NOT NULL) IS NOT FALSE
    AND (price > 0) IS NOT FALSE
    AND (least(market_cap, total_volume) >= 0) IS NOT FALSE
    AND (market_cap <> 0) IS NOT FALSE
    -- [[[end]]]
);

INSERT INTO broken_points
SELECT
    file_id,
    point_index,
    -- [[[cog candles_rejected_by() ]]]
    CASE
        WHEN (malformed IS NULL) IS NOT FALSE
            AND (closed_at IS NOT NULL) IS NOT FALSE
            AND (closed_at >= timestamptz '2009-01-03 00:00:00+00') IS NOT FALSE
            AND (closed_at <= ingested_at + interval '5 minutes') IS NOT FALSE
            AND (num_nulls(open_price, high_price, low_price, close_price) = 0) IS NOT FALSE
            AND (least(open_price, high_price, low_price, close_price) > 0) IS NOT FALSE
            AND (low_price <= least(open_price, close_price) AND high_price >= greatest(open_price, close_price)) IS NOT FALSE THEN '{}'::text[]
        ELSE array_remove(ARRAY[
            CASE WHEN NOT (malformed IS NULL) THEN 'candle_well_formed' END,
            CASE WHEN NOT (closed_at IS NOT NULL) THEN 'closed_at_present' END,
            CASE WHEN NOT (closed_at >= timestamptz '2009-01-03 00:00:00+00') THEN 'closed_at_plausible' END,
            CASE WHEN NOT (closed_at <= ingested_at + interval '5 minutes') THEN 'closed_at_not_in_future' END,
            CASE WHEN NOT (num_nulls(open_price, high_price, low_price, close_price) = 0) THEN 'candle_complete' END,
            CASE WHEN NOT (least(open_price, high_price, low_price, close_price) > 0) THEN 'candle_positive' END,
            CASE WHEN NOT (low_price <= least(open_price, close_price) AND high_price >= greatest(open_price, close_price)) THEN 'candle_in_order' END
        ]::text[], NULL)
    END
    -- [[[end]]]
    AS rejected_by,
    -- [[[cog candles_reason() ]]]
    CASE
        WHEN (malformed IS NULL) IS NOT FALSE
            AND (closed_at IS NOT NULL) IS NOT FALSE
            AND (closed_at >= timestamptz '2009-01-03 00:00:00+00') IS NOT FALSE
            AND (closed_at <= ingested_at + interval '5 minutes') IS NOT FALSE
            AND (num_nulls(open_price, high_price, low_price, close_price) = 0) IS NOT FALSE
            AND (least(open_price, high_price, low_price, close_price) > 0) IS NOT FALSE
            AND (low_price <= least(open_price, close_price) AND high_price >= greatest(open_price, close_price)) IS NOT FALSE THEN ''
        ELSE array_to_string(array_remove(ARRAY[
            CASE WHEN NOT (malformed IS NULL) THEN 'values that are no number or no time, or not storable (' || 'malformed = ' || coalesce(left(malformed, 1000), 'null') || ')' END,
            CASE WHEN NOT (closed_at IS NOT NULL) THEN 'no time (' || 'closed_at = ' || coalesce(closed_at::text, 'null') || ')' END,
            CASE WHEN NOT (closed_at >= timestamptz '2009-01-03 00:00:00+00') THEN 'it closes before the first cryptocurrency (' || 'closed_at = ' || coalesce(closed_at::text, 'null') || ')' END,
            CASE WHEN NOT (closed_at <= ingested_at + interval '5 minutes') THEN 'it closes after the fetch (' || 'closed_at = ' || coalesce(closed_at::text, 'null') || ', ' || 'ingested_at = ' || coalesce(ingested_at::text, 'null') || ')' END,
            CASE WHEN NOT (num_nulls(open_price, high_price, low_price, close_price) = 0) THEN 'a price is missing (' || 'open_price = ' || coalesce(open_price::text, 'null') || ', ' || 'high_price = ' || coalesce(high_price::text, 'null') || ', ' || 'low_price = ' || coalesce(low_price::text, 'null') || ', ' || 'close_price = ' || coalesce(close_price::text, 'null') || ')' END,
            CASE WHEN NOT (least(open_price, high_price, low_price, close_price) > 0) THEN 'a price is not above 0 (' || 'open_price = ' || coalesce(open_price::text, 'null') || ', ' || 'high_price = ' || coalesce(high_price::text, 'null') || ', ' || 'low_price = ' || coalesce(low_price::text, 'null') || ', ' || 'close_price = ' || coalesce(close_price::text, 'null') || ')' END,
            CASE WHEN NOT (low_price <= least(open_price, close_price) AND high_price >= greatest(open_price, close_price)) THEN 'the lowest price is not the lowest, or the highest not the highest (' || 'open_price = ' || coalesce(open_price::text, 'null') || ', ' || 'high_price = ' || coalesce(high_price::text, 'null') || ', ' || 'low_price = ' || coalesce(low_price::text, 'null') || ', ' || 'close_price = ' || coalesce(close_price::text, 'null') || ')' END
        ]::text[], NULL), '; ')
    END
    -- [[[end]]]
    AS reason,
    '{}'
FROM (
    SELECT
        c.*, to_timestamp(c.closed_ms / 1000::double precision) AS closed_at, f.ingested_at
    FROM staged_candles AS c JOIN staged_history_files AS f USING (file_id)
) AS candle
WHERE NOT (
    -- [[[cog candles_hold() ]]]
    (malformed IS NULL) IS NOT FALSE
    AND (closed_at IS NOT NULL) IS NOT FALSE
    AND (closed_at >= timestamptz '2009-01-03 00:00:00+00') IS NOT FALSE
    AND (closed_at <= ingested_at + interval '5 minutes') IS NOT FALSE
    AND (num_nulls(open_price, high_price, low_price, close_price) = 0) IS NOT FALSE
    AND (least(open_price, high_price, low_price, close_price) > 0) IS NOT FALSE
    AND (low_price <= least(open_price, close_price) AND high_price >= greatest(open_price, close_price)) IS NOT FALSE
    -- [[[end]]]
);

ANALYZE broken_points (file_id);

-- A file that fails keeps its number, so that it can be loaded once more.
CREATE TEMPORARY TABLE staged_history_batches ON COMMIT DROP AS
WITH rejected AS (
    SELECT file_id, count(*)::integer AS points
    FROM broken_points WHERE rejected_by <> '{}' GROUP BY file_id
),
warned AS (
    SELECT file_id, jsonb_object_agg(rule, points) AS warnings
    FROM (
        SELECT file_id, rule, count(*) AS points
        FROM broken_points CROSS JOIN unnest(warned_by) AS rule
        WHERE rejected_by = '{}'
        GROUP BY file_id, rule
    ) AS counted
    GROUP BY file_id
),
origin AS (
    SELECT coalesce(
        (SELECT kind FROM data_origin),
        (
            SELECT source_kind(source) FROM staged_history_files
            WHERE NOT failed ORDER BY ingested_at, landing_file LIMIT 1
        )
    ) AS kind
),
evaluated AS (
    SELECT
        f.*,
        coalesce(r.points, 0) AS points_rejected,
        coalesce(w.warnings, '{}') AS warnings,
        CASE
            WHEN f.failed THEN f.error
            WHEN source_kind(f.source) <> o.kind THEN format(
                'the file holds %s data, this database %s data: load it into a database of its own',
                source_kind(f.source), o.kind
            )
            WHEN r.points > f.max_rejected_share * f.points_fetched THEN format(
                '%s of %s points break a reject rule, more than the share of %s allowed',
                r.points, f.points_fetched, f.max_rejected_share
            )
        END AS failure
    FROM staged_history_files AS f
    CROSS JOIN origin AS o
    LEFT JOIN rejected AS r USING (file_id)
    LEFT JOIN warned AS w USING (file_id)
)
SELECT
    coalesce(known.history_batch_id, nextval(pg_get_serial_sequence('history_batches', 'history_batch_id')))
        AS history_batch_id,
    e.*,
    row_number() OVER (ORDER BY e.ingested_at, e.landing_file) AS load_order
FROM (SELECT * FROM evaluated ORDER BY ingested_at, landing_file) AS e
LEFT JOIN history_batches AS known USING (landing_file);
ANALYZE staged_history_batches;
