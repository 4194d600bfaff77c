-- The silver records of those batches with the rules that each breaks; quality.py fills them in.
CREATE TEMPORARY TABLE scoped_records ON COMMIT DROP AS
SELECT
    h.*,
    :rejected_by AS rejected_by,
    :warned_by AS warned_by
FROM seen_price_history AS h
WHERE h.batch_id IN (SELECT batch_id FROM scoped_batches);

ANALYZE scoped_records;
