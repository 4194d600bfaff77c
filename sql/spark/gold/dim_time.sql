-- The 1,440 minutes of a day.
MERGE INTO {lake}.dim_time AS t
USING (
    SELECT
        CAST(h * 100 + m AS SMALLINT) AS time_key,
        concat(lpad(CAST(h AS STRING), 2, '0'), ':', lpad(CAST(m AS STRING), 2, '0'), ':00')
            AS full_time,
        CAST(h AS SMALLINT) AS hour_24,
        CAST(m AS SMALLINT) AS minute_of_hour,
        CAST(h * 60 + m AS SMALLINT) AS minute_of_day,
        CASE
            WHEN h < 6 THEN 'night' WHEN h < 12 THEN 'morning' WHEN h < 18 THEN 'afternoon'
            ELSE 'evening'
        END AS part_of_day
    FROM (SELECT explode(sequence(0, 23)) AS h) AS hours
    CROSS JOIN (SELECT explode(sequence(0, 59)) AS m) AS minutes
) AS i
ON t.time_key = i.time_key
WHEN NOT MATCHED THEN INSERT *
