-- The snapshots, metrics and facts of a completed batch are as many as it says, and its counts add up.
SELECT b.landing_file, b.records_loaded, s.snapshots, s.metrics, s.facts
FROM {lake}.ingestion_batches AS b
LEFT JOIN (
    SELECT
        p.batch_id, count(*) AS snapshots, count(m.crypto_id) AS metrics,
        count(f.crypto_id) AS facts
    FROM {lake}.price_snapshots AS p
    LEFT JOIN {lake}.market_metrics AS m
        ON m.snapshot_month = p.snapshot_month AND m.crypto_id = p.crypto_id
        AND m.vs_currency = p.vs_currency AND m.snapshot_time = p.snapshot_time
    LEFT JOIN {lake}.fact_crypto_price_metrics AS f
        ON f.snapshot_month = p.snapshot_month AND f.crypto_id = p.crypto_id
        AND f.vs_currency = p.vs_currency AND f.snapshot_time = p.snapshot_time
        AND f.batch_id = p.batch_id
    GROUP BY p.batch_id
) AS s ON s.batch_id = b.batch_id
WHERE b.status = 'completed'
    AND (
        b.records_fetched <> b.records_loaded + b.records_duplicate + b.records_rejected
        OR b.records_loaded <> coalesce(s.snapshots, 0)
        OR b.records_loaded <> coalesce(s.metrics, 0)
        OR (b.gold_loaded_at IS NOT NULL AND b.records_loaded <> coalesce(s.facts, 0))
    )
