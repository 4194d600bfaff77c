-- The staged records with the verdict of the rule table (quality.py), which fills in the three
-- expressions: names of the broken reject rules, the reason in words, names of the broken warn rules.
-- Without statistics the planner expects a handful of records. Of the columns it needs the joined
-- ones only; those of all forty would take longer than the load.
ANALYZE staged_files (file_id), staged_records (file_id);

CREATE TEMPORARY TABLE checked_records ON COMMIT DROP AS
SELECT
    r.*,
    round_to_snapshot_interval(last_updated) AS snapshot_time,
    :rejected_by AS rejected_by,
    :reason AS reason,
    :warned_by AS warned_by
FROM (
    SELECT r.*, f.vs_currency, f.ingested_at
    FROM staged_records AS r
    JOIN staged_files AS f USING (file_id)
) AS r;

ANALYZE checked_records (file_id, crypto_id, symbol, name, rejected_by);
