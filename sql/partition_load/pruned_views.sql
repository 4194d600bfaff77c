-- The months of the batches pending for gold, as gold/pruned_views.sql finds them, in a load that
-- builds a month detached: its own batches have their snapshots in that month, which is no partition
-- yet, and where records_of_other_months says. Looked for, they would be in every older month.
SELECT create_pruned_views(
    months_of_batches(ARRAY(
        SELECT batch_id FROM ingestion_batches WHERE status = 'completed' AND gold_loaded_at IS NULL
        EXCEPT
        SELECT batch_id FROM staged_ingestion_batches
    ))
    || ARRAY(
        SELECT DISTINCT date_trunc('month', snapshot_time AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
        FROM records_of_other_months
    )
);
