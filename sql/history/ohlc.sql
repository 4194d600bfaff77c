-- The good candles of the staged files; the first write of a candle wins.
WITH loaded AS (
    INSERT INTO source_candles (
        crypto_id, vs_currency, granularity_minutes, closed_at, open_price, high_price, low_price,
        close_price, history_batch_id, point_index
    )
    SELECT
        b.crypto_id, b.vs_currency, b.granularity_minutes,
        to_timestamp(c.closed_ms / 1000::double precision),
        c.open_price, c.high_price, c.low_price, c.close_price, b.history_batch_id, c.point_index
    FROM staged_candles AS c
    JOIN staged_history_batches AS b USING (file_id)
    LEFT JOIN broken_points AS x
        ON x.file_id = c.file_id AND x.point_index = c.point_index AND x.rejected_by <> '{}'
    WHERE b.failure IS NULL AND x.file_id IS NULL
    ORDER BY
        b.crypto_id, b.vs_currency, b.granularity_minutes, c.closed_ms, b.load_order, c.point_index
    ON CONFLICT DO NOTHING
    RETURNING history_batch_id
),
counted AS (
    SELECT history_batch_id, count(*)::integer AS candles FROM loaded GROUP BY history_batch_id
)
UPDATE history_batches AS b
SET points_loaded = c.candles, points_duplicate = b.points_duplicate - c.candles
FROM counted AS c
WHERE b.history_batch_id = c.history_batch_id
