-- The staged records with the verdict of the rule table (quality.py), which fills in the three
-- expressions: names of the broken reject rules, the reason in words, names of the broken warn rules.
CREATE TEMPORARY TABLE checked_records ON COMMIT DROP AS
SELECT
    r.*,
    :rejected_by AS rejected_by,
    :reason AS reason,
    :warned_by AS warned_by
FROM (
    SELECT r.*, f.source, f.vs_currency, f.ingested_at
    FROM staged_records AS r
    JOIN staged_files AS f USING (landing_file)
) AS r;

ANALYZE checked_records;
