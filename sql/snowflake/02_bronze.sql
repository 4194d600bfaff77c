-- Bronze: the landing zone as a stage, and its files as text. A file becomes one value, undivided:
-- its numbers must not meet Snowflake's JSON parser, which makes a DOUBLE of one that has an exponent.

CREATE FILE FORMAT IF NOT EXISTS bronze.whole_file
    TYPE = CSV
    COMPRESSION = AUTO
    RECORD_DELIMITER = NONE
    FIELD_DELIMITER = NONE
    FIELD_OPTIONALLY_ENCLOSED_BY = NONE
    ESCAPE_UNENCLOSED_FIELD = NONE
    EMPTY_FIELD_AS_NULL = FALSE
    NULL_IF = ()
    COMMENT = 'A file as one field, whatever is in it; .gz is unpacked by its name.';

CREATE STORAGE INTEGRATION IF NOT EXISTS crypto_landing_zone
    TYPE = EXTERNAL_STAGE
    STORAGE_PROVIDER = 'S3'
    STORAGE_AWS_ROLE_ARN = '<% landing_zone_role %>'
    ENABLED = TRUE
    STORAGE_ALLOWED_LOCATIONS = ('s3://<% landing_zone %>/')
    COMMENT = 'Reads the landing zone by a role that the cloud account grants, without a key.';

-- The landing zone's own folder (LANDING_ZONE_URI). A zone on a local disk goes into an internal
-- stage instead: leave out URL and STORAGE_INTEGRATION, and PUT the files.
CREATE STAGE IF NOT EXISTS bronze.landing_zone
    URL = 's3://<% landing_zone %>/'
    STORAGE_INTEGRATION = crypto_landing_zone
    FILE_FORMAT = (FORMAT_NAME = 'bronze.whole_file')
    COMMENT = 'Immutable landing files, as the pipeline writes them.';

CREATE TABLE IF NOT EXISTS bronze.landing_files (
    file_name VARCHAR NOT NULL COMMENT 'Path of the file, as the stage names it.',
    body VARCHAR NOT NULL COMMENT 'The file, unpacked, as received.',
    content_key VARCHAR COMMENT 'The object store''s own checksum of the file as stored.',
    last_modified TIMESTAMP_NTZ(6) COMMENT 'When the file was written, UTC.',
    landed_at TIMESTAMP_NTZ(6) NOT NULL DEFAULT SYSDATE()
        COMMENT 'When COPY read the file, UTC.'
) COMMENT = 'One row for every landing file that COPY has read.';
