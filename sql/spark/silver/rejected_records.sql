MERGE INTO {lake}.rejected_records AS t
USING (
    SELECT
        b.batch_id, r.record_index, left(r.crypto_id, 200) AS crypto_id, r.rejected_by AS rules, r.reason,
        r.record,
        current_timestamp() AS rejected_at
    FROM {records} AS r
    JOIN {lake}.ingestion_batches AS b ON b.landing_file = r.landing_file
    WHERE size(r.rejected_by) > 0 AND b.status IN ('loading', 'failed')
) AS i
ON t.batch_id = i.batch_id AND t.record_index = i.record_index
WHEN MATCHED THEN UPDATE SET rules = i.rules, reason = i.reason
WHEN NOT MATCHED THEN INSERT *
