-- Which rules of quality.py the staged candles break. Of a day that is not over the candle closes after the
-- fetch.
INSERT INTO broken_items
SELECT item_index, record_index, %(source_coin_id)s, %(vs_currency)s, rejected_by, reason
FROM (
    SELECT
        candle.*,
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
        AS reason
    FROM (SELECT s.*, %(ingested_at)s::timestamptz AS ingested_at FROM staged_candles AS s) AS candle
) AS evaluated
WHERE cardinality(rejected_by) > 0
