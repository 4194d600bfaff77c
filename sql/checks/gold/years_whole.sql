-- A year of dim_date lacks days.
SELECT calendar_year, count(*) AS days
FROM analytics.dim_date
GROUP BY calendar_year
HAVING count(*) <> make_date(calendar_year + 1, 1, 1) - make_date(calendar_year, 1, 1)
