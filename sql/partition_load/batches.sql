-- What the month's records add to the counts of their batches.
UPDATE ingestion_batches AS b
SET records_loaded = b.records_loaded + m.records - m.duplicates,
    records_duplicate = b.records_duplicate + m.duplicates
FROM (
    SELECT
        s.batch_id,
        s.records_fetched - s.records_rejected - coalesce(e.records, 0) AS records,
        coalesce(d.records, 0) AS duplicates
    FROM staged_ingestion_batches AS s
    LEFT JOIN (
        SELECT batch_id, count(*) AS records FROM records_of_other_months GROUP BY batch_id
    ) AS e USING (batch_id)
    LEFT JOIN (
        SELECT batch_id, count(*) AS records FROM duplicate_records GROUP BY batch_id
    ) AS d USING (batch_id)
) AS m
WHERE b.batch_id = m.batch_id AND b.status = 'loading';
