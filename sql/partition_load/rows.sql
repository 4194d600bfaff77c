-- The rows of a month that is built detached: loading_month has the month, the staged relations of
-- silver/staged_rows.sql which records. What is left of staged_records, in files that did not fail, is
-- what the month gets. Nothing here is seen by or waits for another transaction.

-- Records of the month's files that belong to other months: of coins that the source updates no more,
-- and of the hour before the month.
CREATE TEMPORARY TABLE records_of_other_months ON COMMIT DROP AS
SELECT * FROM accepted_records
WHERE snapshot_time < (SELECT starts_at FROM loading_month)
    OR snapshot_time >= (SELECT ends_at FROM loading_month);

DELETE FROM staged_records AS r
USING records_of_other_months AS e
WHERE (e.file_id, e.record_index) = (r.file_id, r.record_index);

-- First write wins: the records whose bucket an earlier one of the month has filled. Few coins have
-- two records at a time, in whatever currency.
CREATE TEMPORARY TABLE duplicate_records ON COMMIT DROP AS
SELECT file_id, record_index, batch_id
FROM (
    SELECT
        r.file_id,
        r.record_index,
        r.batch_id,
        row_number() OVER (
            PARTITION BY r.crypto_id, r.vs_currency, r.snapshot_time
            ORDER BY r.load_order, r.last_updated DESC, r.record_index
        ) AS load_order
    FROM accepted_records AS r
    JOIN (
        SELECT crypto_id, snapshot_time
        FROM accepted_records
        GROUP BY crypto_id, snapshot_time
        HAVING count(*) > 1
    ) AS shared USING (crypto_id, snapshot_time)
) AS records
WHERE load_order > 1;

DELETE FROM staged_records AS r
USING duplicate_records AS d
WHERE (d.file_id, d.record_index) = (r.file_id, r.record_index);
