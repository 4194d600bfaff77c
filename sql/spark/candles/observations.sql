-- What the candles of changed_days are made of: a row for every such day of a coin in a currency, with
-- all its snapshots (0 minutes) and points (5, 60 or 1440 minutes) of completed batches.
SELECT
    o.crypto_id, o.vs_currency, o.day,
    collect_list(
        struct(o.minutes, o.at, o.price, o.market_cap, o.total_volume, o.origin, o.source)
    ) AS observations
FROM (
    SELECT
        s.crypto_id, s.vs_currency, CAST(s.snapshot_time AS DATE) AS day,
        0 AS minutes, s.snapshot_time AS at,
        s.current_price_text AS price, s.market_cap_text AS market_cap,
        s.total_volume_text AS total_volume,
        'snapshot' AS origin, b.source
    FROM {lake}.price_snapshots AS s
    JOIN {lake}.ingestion_batches AS b ON b.batch_id = s.batch_id
    WHERE s.snapshot_month IN ({months})
        AND s.snapshot_time >= CAST('{first_day} 00:00:00+00' AS TIMESTAMP)
        AND s.snapshot_time < CAST('{last_day} 00:00:00+00' AS TIMESTAMP) + INTERVAL 1 DAY
        AND b.gold_loaded_at IS NOT NULL
    UNION ALL
    SELECT
        p.crypto_id, p.vs_currency, CAST(p.bucket_time AS DATE) AS day,
        CAST(p.granularity_minutes AS INT) AS minutes, p.bucket_time AS at,
        p.price_text AS price, p.market_cap_text AS market_cap, p.total_volume_text AS total_volume,
        b.origin, b.source
    FROM {lake}.price_points AS p
    JOIN {lake}.history_batches AS b ON b.history_batch_id = p.history_batch_id
    WHERE p.snapshot_month IN ({months})
        AND p.bucket_time >= CAST('{first_day} 00:00:00+00' AS TIMESTAMP)
        AND p.bucket_time < CAST('{last_day} 00:00:00+00' AS TIMESTAMP) + INTERVAL 1 DAY
        AND b.status = 'completed'
) AS o
JOIN changed_days AS d
    ON d.crypto_id = o.crypto_id AND d.vs_currency = o.vs_currency AND d.day = o.day
GROUP BY o.crypto_id, o.vs_currency, o.day
