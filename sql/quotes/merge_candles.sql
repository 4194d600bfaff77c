-- The good candles of the staged answer that are not there yet; answers how many.
WITH merged AS (
    INSERT INTO quoted_candles (
        source, source_coin_id, vs_currency, day, open_price, high_price, low_price, close_price,
        market_cap, total_volume, quote_batch_id, item_index
    )
    SELECT
        %(source)s, %(source_coin_id)s, %(vs_currency)s, (s.closed_at AT TIME ZONE 'UTC')::date,
        s.open_price, s.high_price, s.low_price, s.close_price, nullif(s.market_cap, 0), s.total_volume,
        %(quote_batch_id)s, s.item_index
    FROM staged_candles AS s
    WHERE NOT EXISTS (SELECT FROM broken_items AS b WHERE b.item_index = s.item_index)
    ORDER BY s.item_index
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM merged
