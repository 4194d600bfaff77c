-- What the batches that were written between two times have brought; nulls if there are none.
SELECT sum(records_loaded), sum(records_duplicate), sum(records_rejected)
FROM ingestion_batches
WHERE loaded_at BETWEEN %(start)s AND %(end)s
