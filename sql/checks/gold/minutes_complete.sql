-- dim_time does not hold every minute of a day.
SELECT all_minutes.minute_of_day
FROM generate_series(0, 1439) AS all_minutes (minute_of_day)
LEFT JOIN analytics.dim_time USING (minute_of_day)
WHERE time_key IS NULL
