-- The records that a later file of the same fetch has in their place, and good.
CREATE TEMPORARY TABLE corrected_records ON COMMIT DROP AS
SELECT DISTINCT ON (w.batch_id, w.record_index) w.batch_id, w.record_index, c.batch_id AS corrected_by
FROM waiting_records AS w
JOIN ingestion_batches AS c
    ON c.ingested_at = w.ingested_at AND c.source = w.source AND c.vs_currency = w.vs_currency
    AND c.batch_id > w.batch_id AND c.status = 'completed'
JOIN staged_files AS f USING (landing_file)
JOIN staged_records AS r
    ON r.file_id = f.file_id AND r.record_index = w.record_index
    AND r.crypto_id = coalesce(nullif(w.crypto_id, ''), r.crypto_id)
WHERE NOT EXISTS (
        SELECT FROM violations AS v
        WHERE (v.file_id, v.record_index) = (r.file_id, r.record_index) AND v.rejected_by <> '{}'
    )
    AND EXISTS (
        SELECT FROM violations AS v
        WHERE (v.file_id, v.record_index) = (w.file_id, w.record_index) AND v.rejected_by <> '{}'
    )
    -- Not one that waits itself.
    AND NOT EXISTS (
        SELECT FROM rejected_records AS q
        WHERE (q.batch_id, q.record_index) = (c.batch_id, r.record_index) AND q.resolved_at IS NULL
    )
ORDER BY w.batch_id, w.record_index, c.batch_id;

-- What of the staged files is replayed: the records that were asked for and that no rule rejects any more.
-- Of a failed file it is all that it holds; the other records of a completed one are in silver.
DELETE FROM staged_records AS r
USING staged_files AS f
JOIN ingestion_batches AS b USING (landing_file)
WHERE f.file_id = r.file_id
    AND NOT EXISTS (
        SELECT FROM waiting_records AS w
        WHERE w.file_id = r.file_id AND (w.record_index = r.record_index OR w.status = 'failed')
    )
    -- What is rejected is counted.
    AND NOT EXISTS (
        SELECT FROM violations AS v
        WHERE (v.file_id, v.record_index) = (r.file_id, r.record_index) AND v.rejected_by <> '{}'
    );

-- A completed batch does not fail any more, whatever share of what is left here is rejected.
UPDATE staged_files AS f
SET max_rejected_share = 1
FROM ingestion_batches AS b
WHERE b.landing_file = f.landing_file AND b.status = 'completed';
