-- Rows of dim_date: every day of every year in which a snapshot is pending for gold.
CREATE OR REPLACE TEMPORARY VIEW incoming_dim_date AS
SELECT
    to_char(day, 'YYYYMMDD')::integer AS date_key,
    day::date AS full_date,
    extract(year FROM day)::smallint AS calendar_year,
    extract(quarter FROM day)::smallint AS quarter_of_year,
    extract(month FROM day)::smallint AS month_of_year,
    to_char(day, 'FMMonth') AS month_name,
    extract(day FROM day)::smallint AS day_of_month,
    extract(doy FROM day)::smallint AS day_of_year,
    extract(isodow FROM day)::smallint AS day_of_week,
    to_char(day, 'FMDay') AS day_name,
    extract(isoyear FROM day)::smallint AS iso_year,
    extract(week FROM day)::smallint AS iso_week,
    extract(isodow FROM day) >= 6 AS is_weekend
FROM (
    SELECT DISTINCT date_part('year', snapshot_time AT TIME ZONE 'UTC')::integer AS year
    FROM pending_snapshots
) AS years
CROSS JOIN LATERAL generate_series(
    make_timestamp(years.year, 1, 1, 0, 0, 0),
    make_timestamp(years.year, 12, 31, 0, 0, 0),
    interval '1 day'
) AS day;
