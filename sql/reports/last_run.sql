-- The newest run that has ended, from Dagster's table of runs.
SELECT pipeline_name, status, end_time
FROM (
    SELECT pipeline_name, status, end_time FROM dagster.runs ORDER BY id DESC LIMIT 20
) AS newest
WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED') AND pipeline_name NOT LIKE '\_\_%%'
LIMIT 1
