-- The newest finished run of every job, from Dagster's table of runs.
SELECT DISTINCT ON (pipeline_name) pipeline_name, status, end_time - start_time, end_time
FROM dagster.runs
WHERE status IN ('SUCCESS', 'FAILURE', 'CANCELED')
    AND start_time IS NOT NULL
    AND end_time IS NOT NULL
    AND pipeline_name NOT LIKE '\_\_%%'
ORDER BY pipeline_name, id DESC
