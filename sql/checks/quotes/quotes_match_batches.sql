-- A batch has other numbers of quotes, candles or rejected items than it counts.
SELECT b.landing_file, b.items_loaded, f.quotes + f.candles AS items_found, b.items_rejected, f.rejected
FROM quote_batches AS b
CROSS JOIN check_scope
CROSS JOIN LATERAL (
    SELECT
        (SELECT count(*) FROM price_quotes AS q WHERE q.quote_batch_id = b.quote_batch_id) AS quotes,
        (SELECT count(*) FROM quoted_candles AS q WHERE q.quote_batch_id = b.quote_batch_id) AS candles,
        (SELECT count(*) FROM rejected_quotes AS r WHERE r.quote_batch_id = b.quote_batch_id) AS rejected
) AS f
WHERE b.status = 'completed' AND b.loaded_at >= loaded_since
    AND (
        f.rejected <> b.items_rejected
        -- A contract does not say which batch it came with.
        OR (b.endpoint NOT LIKE '/contracts%' AND f.quotes + f.candles <> b.items_loaded)
    )
