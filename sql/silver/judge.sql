-- Verdicts on the staged records of the files from %(first_file)s on; the rule table (quality.py)
-- fills in the expressions. A rule that compares the records of a response sorts them: apart, with the
-- few columns it needs.
INSERT INTO verdicts (
    file_id, record_index, crypto_id, unknown_fields, missing_fields,
    rejected_by, at_fault, reason, warned_by
)
WITH by_itself AS (
    SELECT
        file_id,
        record_index,
        crypto_id,
        unknown_fields,
        missing_fields,
        :rejected_by AS rejected_by,
        :at_fault AS at_fault,
        :reason AS reason,
        :warned_by AS warned_by
    FROM (
        SELECT r.*, f.vs_currency, f.ingested_at
        FROM staged_records AS r
        JOIN staged_files AS f USING (file_id)
        WHERE r.file_id >= %(first_file)s
    ) AS r
),
in_response AS (
    SELECT file_id, record_index, :response_warned_by AS warned_by
    FROM (
        SELECT file_id, record_index, symbol, market_cap_rank
        FROM staged_records
        WHERE file_id >= %(first_file)s
    ) AS r
)
SELECT
    file_id,
    record_index,
    i.crypto_id,
    i.unknown_fields,
    i.missing_fields,
    coalesce(i.rejected_by, '{}'),
    coalesce(i.at_fault, '{}'),
    coalesce(i.reason, ''),
    coalesce(i.warned_by, '{}') || coalesce(r.warned_by, '{}')
FROM (SELECT * FROM by_itself WHERE rejected_by <> '{}' OR warned_by <> '{}') AS i
FULL JOIN (SELECT * FROM in_response WHERE warned_by <> '{}') AS r USING (file_id, record_index)
