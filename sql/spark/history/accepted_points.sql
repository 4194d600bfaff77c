-- The points that load: those of batches that do, as far as they break no reject rule. A market cap of 0
-- stands for unknown; '10000.' is the key of 0.
SELECT
    p.crypto_id, p.vs_currency, p.granularity_minutes, p.bucket_time, p.observed_at,
    p.price, p.total_volume, p.price_text, p.total_volume_text, p.point_index,
    b.history_batch_id,
    CASE WHEN p.market_cap_order <> '10000.' THEN p.market_cap END AS market_cap,
    CASE WHEN p.market_cap_order <> '10000.' THEN p.market_cap_text END AS market_cap_text,
    date_format(p.bucket_time, 'yyyy-MM') AS snapshot_month
FROM {points} AS p
JOIN {lake}.history_batches AS b ON b.landing_file = p.landing_file
WHERE size(p.rejected_by) = 0 AND b.status = 'loading'
