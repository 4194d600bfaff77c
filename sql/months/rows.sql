-- The rows of a month that is built apart: loading_month says which month, the staged relations of
-- silver/staged_rows.sql which records. Nothing here is seen by or waits for another transaction.

-- How many records lie in the month the planner cannot know: it expects a few, and would join them by
-- loops.
SET LOCAL enable_nestloop = off;

-- Records of the month's files that belong to other months: of coins that the source updates no more,
-- and of the hour before the month.
CREATE TEMPORARY TABLE records_elsewhere ON COMMIT DROP AS
SELECT r.*
FROM accepted_records AS r
CROSS JOIN loading_month AS m
WHERE r.snapshot_time < m.starts_at OR r.snapshot_time >= m.ends_at;

CREATE TEMPORARY VIEW month_records AS
SELECT * FROM accepted_records
WHERE snapshot_time >= (SELECT starts_at FROM loading_month)
    AND snapshot_time < (SELECT ends_at FROM loading_month);

-- First write wins: the records whose bucket an earlier one of the month has taken.
CREATE TEMPORARY TABLE duplicate_records ON COMMIT DROP AS
SELECT file_id, record_index, batch_id
FROM (
    SELECT
        r.file_id, r.record_index, r.batch_id,
        row_number() OVER (
            PARTITION BY r.crypto_id, r.vs_currency, r.snapshot_time
            ORDER BY r.turn, r.last_updated DESC, r.record_index
        ) AS place
    FROM month_records AS r
    JOIN (
        SELECT crypto_id, vs_currency, snapshot_time
        FROM month_records
        GROUP BY crypto_id, vs_currency, snapshot_time
        HAVING count(*) > 1
    ) AS shared USING (crypto_id, vs_currency, snapshot_time)
) AS placed
WHERE place > 1;

CREATE TEMPORARY VIEW month_winners AS
SELECT * FROM month_records AS r
WHERE NOT EXISTS (
    SELECT FROM duplicate_records AS d
    WHERE (d.file_id, d.record_index) = (r.file_id, r.record_index)
);

ANALYZE records_elsewhere (file_id), duplicate_records (file_id, record_index);

SET LOCAL enable_nestloop = on;
