-- A year of dim_date lacks days.
SELECT year, count(*) AS days
FROM analytics.dim_date
GROUP BY year
HAVING count(*) <> make_date(year + 1, 1, 1) - make_date(year, 1, 1)
