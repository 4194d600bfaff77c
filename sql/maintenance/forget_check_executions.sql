-- Delete the oldest results of checks that are more than %(days)s days old, at most %(at_once)s of them.
-- The newest of each check stays, however old it is. Answers with their ids.
-- The table is that of Dagster 1.13, in schema dagster; its times are in UTC, without time zone.
-- Run it until it answers nothing.
DELETE FROM dagster.asset_check_executions AS x
USING (
    SELECT id
    FROM dagster.asset_check_executions AS e
    WHERE evaluation_event_timestamp < now() AT TIME ZONE 'UTC' - make_interval(days => %(days)s)
        AND EXISTS (
            SELECT FROM dagster.asset_check_executions AS newer
            WHERE newer.asset_key = e.asset_key
                AND newer.check_name = e.check_name
                AND newer.id > e.id
        )
    ORDER BY id
    LIMIT %(at_once)s
) AS old
WHERE x.id = old.id
RETURNING x.id
