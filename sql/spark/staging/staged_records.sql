-- The decoded records with the verdict of the rule table (quality.py), which fills in three
-- expressions: names of the broken reject rules, the reason in words, names of the broken warn rules.
-- Numbers are compared by their keys (crypto_pipeline/lakehouse/spark/exact.py).
SELECT
    r.*,
    -- The nearest multiple of five minutes since midnight UTC, a tie upwards, in whole microseconds:
    -- round_to_snapshot_interval of the warehouse. No last_updated before 2009 passes the rules.
    timestamp_micros(
        unix_micros(last_updated) + 150000000 - (unix_micros(last_updated) + 150000000) % 300000000
    ) AS snapshot_time,
    {rejected_by} AS rejected_by,
    {reason} AS reason,
    {warned_by} AS warned_by
FROM (
    SELECT landing_file AS file_id, landing_file, vs_currency, ingested_at, record.*
    FROM (
        SELECT landing_file, vs_currency, ingested_at, explode(records) AS record
        FROM {captures}
    ) AS exploded
) AS r
