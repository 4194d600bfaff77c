-- From when on facts may point at a version that does not cover them any more: where the first of the
-- versions ends that were cut since the pending batches came, or shortly before. The hour is for
-- other loads: one may have cut a version while this one still read the old.
SELECT CAST(min(valid_to) - INTERVAL 5 MINUTES AS STRING) AS first_reassigned
FROM {lake}.dim_cryptocurrency
WHERE NOT is_current
    AND revised_at >= (
        SELECT min(b.loaded_at) - INTERVAL 1 HOUR
        FROM {lake}.ingestion_batches AS b
        JOIN pending_batches AS w ON w.batch_id = b.batch_id
    )
