-- Every day of every year in which a batch pending for gold has a snapshot.
MERGE INTO {lake}.dim_date AS t
USING (
    SELECT
        CAST(date_format(day, 'yyyyMMdd') AS INT) AS date_key,
        day AS full_date,
        CAST(year(day) AS SMALLINT) AS calendar_year,
        CAST(quarter(day) AS SMALLINT) AS quarter_of_year,
        CAST(month(day) AS SMALLINT) AS month_of_year,
        date_format(day, 'MMMM') AS month_name,
        CAST(day(day) AS SMALLINT) AS day_of_month,
        CAST(dayofyear(day) AS SMALLINT) AS day_of_year,
        CAST(days_since_monday + 1 AS SMALLINT) AS day_of_week,
        date_format(day, 'EEEE') AS day_name,
        -- The year of the week's Thursday.
        CAST(year(date_add(day, 3 - days_since_monday)) AS SMALLINT) AS iso_year,
        CAST(weekofyear(day) AS SMALLINT) AS iso_week,
        days_since_monday >= 5 AS is_weekend
    FROM (
        -- Not weekday(), which is -1 on Sundays in Sail 0.7.
        SELECT day, (dayofweek(day) + 5) % 7 AS days_since_monday
        FROM (
            SELECT
                explode(sequence(make_date(y, 1, 1), make_date(y, 12, 31), INTERVAL 1 DAY)) AS day
            FROM (SELECT DISTINCT year(snapshot_time) AS y FROM pending_snapshots) AS years
        ) AS days
    ) AS numbered
) AS i
ON t.date_key = i.date_key
WHEN NOT MATCHED THEN INSERT *
