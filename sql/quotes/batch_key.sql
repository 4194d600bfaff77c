-- The key of the batch of a landing file: that of an earlier try, or a new one.
SELECT coalesce(
    (SELECT quote_batch_id FROM quote_batches WHERE landing_file = %(landing_file)s),
    nextval(pg_get_serial_sequence('quote_batches', 'quote_batch_id'))
)
