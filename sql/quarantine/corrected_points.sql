-- The points that stay in quarantine and whose bucket a later file has good, by file; but for the series in
-- %(coins)s and %(currencies)s, which are about to be loaded once more.
WITH corrected AS (
    UPDATE rejected_points AS q
    SET resolved_at = now(), resolved_history_batch_id = p.history_batch_id
    FROM waiting_points AS w
    JOIN staged_history_batches AS b USING (file_id)
    JOIN staged_points AS s USING (file_id, point_index)
    JOIN broken_points AS x USING (file_id, point_index)
    JOIN price_points AS p
        ON p.crypto_id = b.crypto_id AND p.vs_currency = b.vs_currency
        AND p.granularity_minutes = b.granularity_minutes
        AND p.bucket_time = to_timestamp(
            (s.observed_ms - mod(s.observed_ms, b.granularity_minutes * 60000::bigint)) / 1000
        )
        AND p.history_batch_id > w.history_batch_id
    WHERE (q.history_batch_id, q.point_index) = (w.history_batch_id, w.point_index)
        AND x.rejected_by <> '{}'
        -- From 2009-01-03 to 2200: another is no time.
        AND s.observed_ms BETWEEN 1230940800000 AND 7258118400000
        AND NOT EXISTS (
            SELECT FROM unnest(%(coins)s::text[], %(currencies)s::text[]) AS o (crypto_id, vs_currency)
            WHERE (o.crypto_id, o.vs_currency) = (b.crypto_id, b.vs_currency)
        )
    RETURNING b.landing_file
)
SELECT landing_file, count(*) FROM corrected GROUP BY landing_file
