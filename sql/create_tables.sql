-- Creates the silver schema by hand, on an empty database:  psql -f sql/create_tables.sql
-- The pipeline does the same by itself at its first start.
\set ON_ERROR_STOP on
BEGIN;
\ir migrations/0001_silver.sql
CREATE TABLE alembic_version (
    version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY
);
INSERT INTO alembic_version VALUES ('0001_silver');
COMMIT;
