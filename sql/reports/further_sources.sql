-- The further sources that this database has answers of.
SELECT
    source,
    count(*) FILTER (WHERE status = 'completed') AS batches,
    count(*) FILTER (WHERE status = 'failed') AS failed,
    sum(items_loaded) AS items_loaded,
    sum(items_rejected) AS items_rejected,
    max(ingested_at) AS newest,
    (SELECT count(*) FROM quoted_coins AS q WHERE q.source = b.source) AS coins,
    (SELECT count(*) FROM coin_mappings AS m WHERE m.source = b.source AND m.revoked_at IS NULL)
        AS mapped
FROM quote_batches AS b
WHERE source IS NOT NULL
GROUP BY source
ORDER BY source
