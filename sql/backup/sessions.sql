-- Who is connected to a database, beside those that ask.
SELECT coalesce(nullif(application_name, ''), backend_type) AS name
FROM pg_stat_activity
WHERE datname = %(database)s AND pid <> pg_backend_pid()
ORDER BY 1;
