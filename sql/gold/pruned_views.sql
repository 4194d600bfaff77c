-- The months of the batches pending for gold.
SELECT create_pruned_views(months_of_batches(ARRAY(
    SELECT batch_id FROM ingestion_batches WHERE status = 'completed' AND gold_loaded_at IS NULL
)));
