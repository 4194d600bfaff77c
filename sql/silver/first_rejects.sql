-- The first %(most)s rejected records of each staged file, and how many rules those of the file break.
SELECT batch_id, crypto_id, at_fault, record, failures
FROM (
    SELECT
        s.batch_id,
        s.load_order,
        r.record_index,
        v.crypto_id,
        v.at_fault,
        r.record,
        row_number() OVER (PARTITION BY file_id ORDER BY r.record_index) AS place,
        (sum(cardinality(v.rejected_by)) OVER (PARTITION BY file_id))::integer AS failures
    FROM staged_rejects AS r
    JOIN violations AS v USING (file_id, record_index)
    JOIN staged_ingestion_batches AS s USING (file_id)
) AS rejected
WHERE place <= %(most)s
ORDER BY load_order, record_index;
