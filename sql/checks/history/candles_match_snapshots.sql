-- an hour with snapshots whose candle is missing or is not made of all of them
SELECT s.crypto_id, s.vs_currency, s.hour_start, s.observations, f.observations AS in_candle, f.origin
FROM (
    SELECT
        m.crypto_id, m.vs_currency, hour_floor(m.snapshot_time) AS hour_start,
        count(*) AS observations, max(m.current_price) AS high_price, min(m.current_price) AS low_price
    FROM pruned_fact_crypto_price_metrics AS m
    JOIN ingestion_batches AS b USING (batch_id)
    WHERE m.snapshot_time >= (SELECT range_start FROM check_scope)
        AND m.snapshot_time < (SELECT range_end FROM check_scope)
    GROUP BY m.crypto_id, m.vs_currency, hour_floor(m.snapshot_time)
    -- What is pending is made a candle by the next load.
    HAVING bool_and(b.candles_loaded_at IS NOT NULL)
) AS s
LEFT JOIN pruned_fact_crypto_price_hourly AS f USING (crypto_id, vs_currency, hour_start)
WHERE (f.origin, f.observations::bigint, f.high_price, f.low_price)
    IS DISTINCT FROM ('snapshot', s.observations, s.high_price, s.low_price)
