-- What was pending is in the consensus. All that others have written is older than read_until, the time at
-- which this transaction had the lock; what they write next is younger.
UPDATE quote_batches AS b SET consensus_loaded_at = now()
FROM pending_quote_batches AS p WHERE p.quote_batch_id = b.quote_batch_id;

UPDATE consensus_state SET read_until = (SELECT read_until FROM consensus_reading);
