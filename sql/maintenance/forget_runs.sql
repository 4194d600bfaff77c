-- Delete the oldest of Dagster's finished runs that were made more than %(days)s days ago, at most
-- %(at_once)s of them, with their events. The newest materialization of each asset, and of each of its
-- partitions, stays: by it Dagster knows that an hour is materialized. Answers with the runs.
-- The tables are those of Dagster 1.13, in schema dagster; their times are in UTC, without time zone.
-- Run it until it answers nothing. One statement: a run goes with its events, or stays with them.
WITH old AS (
    SELECT run_id
    FROM dagster.runs
    WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED')
        AND create_timestamp < now() AT TIME ZONE 'UTC' - make_interval(days => %(days)s)
    ORDER BY id
    LIMIT %(at_once)s
), events AS (
    DELETE FROM dagster.event_logs AS e
    USING old
    WHERE e.run_id = old.run_id
        AND (
            e.dagster_event_type IS DISTINCT FROM 'ASSET_MATERIALIZATION'
            -- Two conditions, so that each has its index.
            OR EXISTS (
                SELECT FROM dagster.event_logs AS newer
                WHERE newer.asset_key = e.asset_key
                    AND newer.dagster_event_type = 'ASSET_MATERIALIZATION'
                    AND newer.partition = e.partition
                    AND newer.id > e.id
            )
            OR e.partition IS NULL AND EXISTS (
                SELECT FROM dagster.event_logs AS newer
                WHERE newer.asset_key = e.asset_key
                    AND newer.dagster_event_type = 'ASSET_MATERIALIZATION'
                    AND newer.partition IS NULL
                    AND newer.id > e.id
            )
        )
    RETURNING e.id
), tags AS (
    DELETE FROM dagster.asset_event_tags AS t
    USING events
    WHERE t.event_id = events.id
)
DELETE FROM dagster.runs AS r
USING old
WHERE r.run_id = old.run_id
RETURNING r.run_id
