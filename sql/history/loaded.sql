-- What became of the files of this transaction.
SELECT
    b.landing_file, b.crypto_id, b.vs_currency, b.status, b.error, b.points_fetched, b.points_loaded,
    b.points_duplicate, b.points_rejected, b.points_restated, b.warnings
FROM staged_history_batches AS s JOIN history_batches AS b USING (history_batch_id)
ORDER BY s.load_order
