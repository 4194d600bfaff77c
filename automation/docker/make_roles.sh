#!/bin/sh
# Runs once, when the database is made: the roles of sql/roles.sql, with their passwords.
set -eu
psql -X -q -v ON_ERROR_STOP=1 -U postgres -d "$POSTGRES_DB" -f /sql/roles.sql
# From the environment, so that they are in no list of processes.
psql -X -q -v ON_ERROR_STOP=1 -U postgres -d "$POSTGRES_DB" <<'SQL'
\getenv owner OWNER_PASSWORD
\getenv loader ETL_PASSWORD
\getenv reader ANALYTICS_PASSWORD
ALTER ROLE crypto_owner PASSWORD :'owner';
ALTER ROLE etl_role PASSWORD :'loader';
ALTER ROLE analytics_role PASSWORD :'reader';
SQL
