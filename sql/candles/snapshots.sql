-- The candles of the hours in which pending batches have a snapshot, each from all snapshots of the hour.
CREATE TEMPORARY TABLE snapshot_hours ON COMMIT DROP AS
SELECT DISTINCT
    f.crypto_id, f.vs_currency,
    hour_floor(f.snapshot_time) AS hour_start
FROM candle_batches AS b JOIN pruned_fact_crypto_price_metrics AS f USING (batch_id);
ANALYZE snapshot_hours;

SELECT ensure_month_partitions(
    'analytics.fact_crypto_price_hourly',
    ARRAY(SELECT DISTINCT hour_start FROM snapshot_hours)
);

WITH merged AS (
    INSERT INTO analytics.fact_crypto_price_hourly AS f (
        date_key, time_key, source_key, crypto_id, vs_currency, hour_start, open_price, high_price,
        low_price, close_price, mean_price, market_cap, total_volume, observations, coverage_share,
        origin
    )
    SELECT
        date_key(h.hour_start),
        hour_key(h.hour_start),
        (array_agg(s.source_key ORDER BY s.snapshot_time))[1],
        h.crypto_id, h.vs_currency, h.hour_start,
        (array_agg(s.current_price ORDER BY s.snapshot_time))[1],
        max(s.current_price),
        min(s.current_price),
        (array_agg(s.current_price ORDER BY s.snapshot_time))[count(*)],
        CASE
            WHEN count(*) = 1 THEN min(s.current_price)
            ELSE round(sum(s.current_price) / count(*)::numeric(38, 26), 26)
        END,
        (array_agg(s.market_cap ORDER BY s.snapshot_time) FILTER (WHERE s.market_cap IS NOT NULL))
            [count(s.market_cap)],
        (
            array_agg(s.total_volume ORDER BY s.snapshot_time)
            FILTER (WHERE s.total_volume IS NOT NULL)
        )[count(s.total_volume)],
        count(*)::integer,
        round(count(*) / 12.0, 4),
        'snapshot'
    FROM snapshot_hours AS h
    JOIN pruned_fact_crypto_price_metrics AS s
        ON s.crypto_id = h.crypto_id AND s.vs_currency = h.vs_currency
        AND s.snapshot_time >= h.hour_start AND s.snapshot_time < h.hour_start + interval '1 hour'
        AND hour_floor(s.snapshot_time) = h.hour_start
    GROUP BY h.crypto_id, h.vs_currency, h.hour_start
    ON CONFLICT (crypto_id, vs_currency, hour_start) DO UPDATE SET
        source_key = excluded.source_key,
        open_price = excluded.open_price,
        high_price = excluded.high_price,
        low_price = excluded.low_price,
        close_price = excluded.close_price,
        mean_price = excluded.mean_price,
        market_cap = excluded.market_cap,
        total_volume = excluded.total_volume,
        observations = excluded.observations,
        coverage_share = excluded.coverage_share,
        origin = excluded.origin,
        load_timestamp = statement_timestamp()
    RETURNING crypto_id, vs_currency, hour_start
)
INSERT INTO changed_days
SELECT crypto_id, vs_currency, day_floor(hour_start), count(*)
FROM merged GROUP BY crypto_id, vs_currency, day_floor(hour_start);

UPDATE ingestion_batches AS b SET candles_loaded_at = now() FROM candle_batches AS c
WHERE b.batch_id = c.batch_id;
