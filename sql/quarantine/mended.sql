-- The records that a corrected file has good in their place: a later file of the same fetch, with the same
-- coins in the same order.
CREATE TEMPORARY TABLE corrected_records ON COMMIT DROP AS
WITH corrections AS (
    SELECT w.file_id, w.batch_id, c.batch_id AS corrected_by, f.file_id AS corrected_file
    FROM (SELECT DISTINCT file_id, batch_id, ingested_at, source, vs_currency FROM waiting_records) AS w
    JOIN ingestion_batches AS c
        ON c.ingested_at = w.ingested_at AND c.source = w.source AND c.vs_currency = w.vs_currency
        AND c.batch_id > w.batch_id AND c.status = 'completed'
    JOIN staged_files AS f USING (landing_file)
    WHERE NOT EXISTS (
        SELECT
        FROM (SELECT * FROM staged_records AS r WHERE r.file_id = w.file_id) AS was
        FULL JOIN (SELECT * FROM staged_records AS r WHERE r.file_id = f.file_id) AS is_now
            USING (record_index)
        WHERE num_nulls(was.file_id, is_now.file_id) > 0
            OR nullif(was.crypto_id, '') <> nullif(is_now.crypto_id, '')
    )
)
SELECT w.batch_id, w.record_index, min(c.corrected_by) AS corrected_by
FROM waiting_records AS w
JOIN corrections AS c USING (batch_id)
JOIN violations AS v
    ON (v.file_id, v.record_index) = (w.file_id, w.record_index) AND v.rejected_by <> '{}'
WHERE NOT EXISTS (
        SELECT FROM violations AS v
        WHERE v.file_id = c.corrected_file AND v.record_index = w.record_index AND v.rejected_by <> '{}'
    )
    -- Not one that waits itself.
    AND NOT EXISTS (
        SELECT FROM rejected_records AS r
        WHERE r.batch_id = c.corrected_by AND r.record_index = w.record_index AND r.resolved_at IS NULL
    )
GROUP BY w.batch_id, w.record_index;

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
