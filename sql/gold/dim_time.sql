-- Rows of dim_time: the 1,440 minutes of a day.
CREATE OR REPLACE TEMPORARY VIEW incoming_dim_time AS
SELECT
    (minute / 60 * 100 + minute % 60)::smallint AS time_key,
    make_time(minute / 60, minute % 60, 0) AS full_time,
    (minute / 60)::smallint AS hour_24,
    (minute % 60)::smallint AS minute_of_hour,
    minute::smallint AS minute_of_day,
    (ARRAY['night', 'morning', 'afternoon', 'evening'])[minute / 360 + 1] AS part_of_day
FROM generate_series(0, 1439) AS minute;
