-- a batch with points whose market cap is 0, which stands for unknown
SELECT landing_file, (warnings ->> 'market_cap_known')::integer AS points
FROM history_batches
WHERE warnings ? 'market_cap_known' AND loaded_at >= (SELECT loaded_since FROM check_scope)
