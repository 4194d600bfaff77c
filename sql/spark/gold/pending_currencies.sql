SELECT DISTINCT b.vs_currency
FROM pending_batches AS w
JOIN {lake}.ingestion_batches AS b ON b.batch_id = w.batch_id
WHERE b.vs_currency IS NOT NULL
