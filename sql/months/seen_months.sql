-- The months of the batches that wait for gold, as gold/seen_months.sql finds them, in a load that
-- builds a month apart: its own batches have their snapshots in that month, which is no partition
-- yet, and where records_elsewhere says. Looked for, they would be in every older month.
SELECT see_months(
    months_of_batches(ARRAY(
        SELECT batch_id FROM ingestion_batches WHERE status = 'completed' AND gold_loaded_at IS NULL
        EXCEPT
        SELECT batch_id FROM staged_ingestion_batches
    ))
    || ARRAY(
        SELECT DISTINCT date_trunc('month', snapshot_time AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
        FROM records_elsewhere
    )
);
