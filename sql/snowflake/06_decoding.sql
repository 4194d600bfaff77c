-- From a landing file's text to values of the documented types, without a DOUBLE on the way. A table
-- of this schema is a step of the load that is running: each is filled from the view beside it, and
-- holds nothing between two loads that anyone needs.
--
-- Times and numbers are taken apart by text and arithmetic alone, so a value is either exact or named
-- in "malformed", and no session setting has a say in it.

-- PARSE_JSON keeps a plain decimal exactly and makes a DOUBLE of one with an exponent, as 2.1E+15. So
-- each number becomes the object {"#number":"2.1E+15"} before. The escapes of the backslash and the
-- quotation mark are written the long way first: then a string ends at the next quotation mark, and
-- one expression can step over strings as over all else that is no number. The 0 at the end makes
-- the last match reach the end of the text: what comes after it would be searched from within. A file
-- that has such objects of its own is refused: its texts would pass for numbers.
CREATE OR REPLACE VIEW staging.pending_files
COMMENT = 'Landing files that are no completed batch, as JSON with marked numbers; null where the file is no JSON.'
AS
SELECT
    landing_file,
    SHA2(body, 256) AS file_sha256,
    landed_at,
    IFF(
        REGEXP_SUBSTR(body, '"#number"[^"A-Za-z0-9]*:') IS NULL,
        TRY_PARSE_JSON(LEFT(marked, LENGTH(marked) - LENGTH(' {"#number":"0"}'))),
        NULL
    ) AS envelope
FROM (
    SELECT
        landing_file,
        body,
        landed_at,
        REGEXP_REPLACE(
            REPLACE(REPLACE(body, '\\\\', '\\u005c'), '\\"', '\\u0022') || ' 0',
            '(("[^"]*"|[^"0-9NI-])*)(-?[0-9][0-9.eE+-]*|-?NaN|-?Infinity)',
            '\\1{"#number":"\\3"}'
        ) AS marked
    FROM (
        SELECT
            COALESCE(REGEXP_SUBSTR(file_name, 'market_snapshots/.*'), file_name) AS landing_file,
            body,
            landed_at
        FROM bronze.landing_files
    ) AS named
    WHERE NOT EXISTS (
        SELECT 1 FROM silver.ingestion_batches AS b
        WHERE b.landing_file = named.landing_file AND b.status = 'completed'
    )
    QUALIFY ROW_NUMBER() OVER (PARTITION BY landing_file ORDER BY landed_at) = 1
) AS marking;
CREATE OR REPLACE TRANSIENT TABLE staging.files AS
SELECT * FROM staging.pending_files WHERE FALSE;

CREATE OR REPLACE VIEW staging.incoming_records
COMMENT = 'The records of the files, in their order.'
AS
SELECT
    f.landing_file,
    r.index AS record_index,
    r.value AS record,
    LEFT(TO_JSON(r.value), 1) = '{' AND r.value:"#number" IS NULL AS is_object
FROM staging.files AS f,
    LATERAL FLATTEN(
        INPUT => IFF(IS_ARRAY(f.envelope:records), f.envelope:records, PARSE_JSON('[]'))
    ) AS r;
CREATE OR REPLACE TRANSIENT TABLE staging.records AS
SELECT * FROM staging.incoming_records WHERE FALSE;

CREATE OR REPLACE VIEW staging.incoming_fields
COMMENT = 'Every field of every record, and of the object roi in it; at level 0 the time of the file. json_type is the first character of the value: {, [, ", n, t or f.'
AS
SELECT
    r.landing_file,
    r.record_index,
    1 AS level,
    f.key AS field,
    LEFT(TO_JSON(f.value), 1) AS json_type,
    f.value:"#number"::VARCHAR AS number_text,
    f.value::VARCHAR AS text
FROM (SELECT * FROM staging.records WHERE is_object) AS r,
    LATERAL FLATTEN(INPUT => r.record) AS f
UNION ALL
SELECT
    r.landing_file,
    r.record_index,
    2,
    'roi.' || f.key,
    LEFT(TO_JSON(f.value), 1),
    f.value:"#number"::VARCHAR,
    f.value::VARCHAR
FROM (
    SELECT landing_file, record_index, record:roi AS roi
    FROM staging.records
    WHERE is_object AND LEFT(TO_JSON(record:roi), 1) = '{'
) AS r,
    LATERAL FLATTEN(INPUT => r.roi) AS f
UNION ALL
SELECT
    landing_file,
    -1,
    0,
    'ingested_at',
    LEFT(TO_JSON(envelope:ingested_at), 1),
    NULL,
    envelope:ingested_at::VARCHAR
FROM staging.files;
CREATE OR REPLACE TRANSIENT TABLE staging.fields AS
SELECT * FROM staging.incoming_fields WHERE FALSE;

-- A number in plain digits ("plain"), rounded half-even to the scale of its column ("evaluated"). One that
-- the column cannot hold has a reason in "unrepresentable", and is evaluated by the nearest number that the column
-- can hold and that is not zero: what is too small is still above 0.
CREATE OR REPLACE VIEW staging.incoming_values
COMMENT = 'The documented fields that are not null, each decoded to the type of its column or malformed.'
AS
WITH typed AS (
    SELECT
        f.landing_file,
        f.record_index,
        d.position,
        d.field,
        d.column_name,
        d.kind,
        COALESCE(d.scale, 0) AS scale,
        f.json_type,
        f.number_text IS NOT NULL AS is_number,
        f.text,
        IFF(
            d.kind IN ('number', 'integer') AND REGEXP_LIKE(
                f.number_text, '-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]{1,5})?'
            ),
            UPPER(f.number_text),
            NULL
        ) AS number_text,
        IFF(
            d.kind = 'time' AND f.json_type = '"' AND REGEXP_LIKE(
                f.text,
                '[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:?[0-9]{2})?'
            ),
            f.text,
            NULL
        ) AS time_text
    FROM staging.fields AS f
    JOIN (
        SELECT field, column_name, kind, position, scale, IFF(field LIKE 'roi.%', 2, 1) AS level
        FROM staging.api_fields
        WHERE kind <> 'any'
        UNION ALL
        SELECT 'ingested_at', 'ingested_at', 'time', -1, NULL, 0
    ) AS d ON d.field = f.field AND d.level = f.level
    WHERE f.json_type <> 'n'
),
parts AS (
    SELECT
        *,
        IFF(LEFT(number_text, 1) = '-', '-', '') AS sign,
        REPLACE(SPLIT_PART(SPLIT_PART(number_text, 'E', 1), '.', 1), '-', '') AS whole,
        SPLIT_PART(SPLIT_PART(number_text, 'E', 1), '.', 2) AS fraction,
        COALESCE(
            TRY_CAST(REPLACE(SPLIT_PART(number_text, 'E', 2), '+', '') AS INTEGER), 0
        ) AS exponent,
        TRY_CAST(SUBSTR(time_text, 1, 4) AS INTEGER) AS year,
        TRY_CAST(SUBSTR(time_text, 6, 2) AS INTEGER) AS month,
        TRY_CAST(SUBSTR(time_text, 9, 2) AS INTEGER) AS day,
        TRY_CAST(SUBSTR(time_text, 12, 2) AS INTEGER) AS hour,
        TRY_CAST(SUBSTR(time_text, 15, 2) AS INTEGER) AS minute,
        TRY_CAST(SUBSTR(time_text, 18, 2) AS INTEGER) AS second,
        -- Seven digits, to round to the sixth.
        COALESCE(
            TRY_CAST(
                RPAD(LEFT(REPLACE(REGEXP_SUBSTR(time_text, '[.][0-9]+'), '.', ''), 7), 7, '0')
                AS INTEGER
            ),
            0
        ) AS tenths_of_microseconds,
        REGEXP_SUBSTR(SUBSTR(time_text, 20), '[+-][0-9]{2}:?[0-9]{2}$') AS zone
    FROM typed
),
-- A number with more than a thousand places is no measurement, and would be a megabyte of digits.
shifted AS (
    SELECT
        *,
        CASE
            WHEN number_text IS NULL OR ABS(exponent) > 1000 THEN NULL
            WHEN exponent >= 0 THEN
                whole || LEFT(fraction, exponent)
                || REPEAT('0', GREATEST(exponent - LENGTH(fraction), 0))
            ELSE LEFT(whole, GREATEST(LENGTH(whole) + exponent, 0))
        END AS whole_digits,
        CASE
            WHEN number_text IS NULL OR ABS(exponent) > 1000 THEN NULL
            WHEN exponent >= 0 THEN SUBSTR(fraction, exponent + 1)
            ELSE RIGHT(
                REPEAT('0', GREATEST(-exponent - LENGTH(whole), 0)) || whole, -exponent
            ) || fraction
        END AS fraction_digits,
        IFF(
            year >= 1 AND month BETWEEN 1 AND 12 AND day >= 1
            AND hour <= 23 AND minute <= 59 AND second <= 59
            AND COALESCE(TRY_CAST(SUBSTR(zone, 2, 2) AS INTEGER), 0) <= 23
            AND COALESCE(TRY_CAST(RIGHT(zone, 2) AS INTEGER), 0) <= 59,
            DATEADD(DAY, day - 1, DATE_FROM_PARTS(year, month, 1)),
            NULL
        ) AS date,
        IFF(LEFT(zone, 1) = '-', -60, 60) * COALESCE(
            TRY_CAST(SUBSTR(zone, 2, 2) AS INTEGER) * 60 + TRY_CAST(RIGHT(zone, 2) AS INTEGER), 0
        ) AS zone_seconds
    FROM parts
),
digits AS (
    SELECT
        *,
        COALESCE(NULLIF(REGEXP_REPLACE(whole_digits, '^0+'), ''), '0') AS whole_part,
        LEFT(fraction_digits, scale)
            || REPEAT('0', GREATEST(scale - LENGTH(fraction_digits), 0)) AS kept,
        REGEXP_REPLACE(SUBSTR(fraction_digits, scale + 1), '0+$') AS cut,
        REGEXP_LIKE(whole_digits || fraction_digits, '0*') AS is_zero,
        IFF(
            MONTH(date) = month,
            DATEADD(
                MICROSECOND,
                FLOOR((tenths_of_microseconds + 5) / 10),
                DATEADD(
                    SECOND, hour * 3600 + minute * 60 + second - zone_seconds, date::TIMESTAMP_NTZ(6)
                )
            ),
            NULL
        ) AS time
    FROM shifted
),
-- In units of the column's last place.
counted AS (
    SELECT
        *,
        IFF(whole_digits IS NULL OR LENGTH(whole_part) > 1000, NULL, whole_part) AS sound_whole,
        CASE WHEN LENGTH(whole_part) + scale <= 38 THEN TRY_TO_DECIMAL(whole_part || kept, 38, 0) END
            AS truncated_units,
        cut > '5' OR (cut = '5' AND RIGHT(whole_part || kept, 1) IN ('1', '3', '5', '7', '9'))
            AS rounds_up
    FROM digits
),
rounded AS (
    SELECT
        *,
        CASE
            WHEN NOT (rounds_up AND whole_part || kept = REPEAT('9', 38))
                THEN truncated_units + IFF(rounds_up, 1, 0)
        END AS units
    FROM counted
),
fitted AS (
    SELECT
        *,
        CASE
            WHEN kind <> 'number' OR sound_whole IS NULL THEN NULL
            WHEN units IS NULL THEN 'too large for the column'
            WHEN units = 0 AND NOT is_zero THEN 'would become zero'
        END AS unrepresentable,
        CASE
            WHEN units IS NULL THEN REPEAT('9', 38)
            WHEN units = 0 AND NOT is_zero THEN '1'
            ELSE TO_VARCHAR(units)
        END AS evaluated_units
    FROM rounded
),
violations AS (
    SELECT
        *,
        REPEAT('0', GREATEST(scale + 1 - LENGTH(evaluated_units), 0)) || evaluated_units AS places,
        CASE kind
            WHEN 'text' THEN json_type = '"' AND NOT CONTAINS(text, CHR(0))
            WHEN 'time' THEN time IS NOT NULL
            WHEN 'object' THEN json_type = '{' AND NOT is_number
            WHEN 'integer' THEN
                sound_whole IS NOT NULL AND cut = '' AND units <= 2147483647
            ELSE
                sound_whole IS NOT NULL AND LENGTH(fraction_digits) <= 1000
        END AS is_sound
    FROM fitted
)
SELECT
    landing_file,
    record_index,
    position,
    field,
    column_name,
    NOT COALESCE(is_sound, FALSE) AS is_malformed,
    IFF(kind = 'text' AND is_sound, text, NULL) AS text,
    IFF(kind = 'time' AND is_sound, time, NULL) AS time,
    CASE
        WHEN kind IN ('number', 'integer') AND is_sound
            THEN IFF(is_zero, '', sign) || whole_part
                || IFF(fraction_digits = '', '', '.' || fraction_digits)
    END AS plain,
    CASE
        WHEN kind IN ('number', 'integer') AND is_sound
            THEN sign || LEFT(places, LENGTH(places) - scale)
                || IFF(scale = 0, '', '.' || RIGHT(places, scale))
    END AS evaluated,
    IFF(is_sound, unrepresentable, NULL) AS unrepresentable
FROM violations;
CREATE OR REPLACE TRANSIENT TABLE staging.decoded_values AS
SELECT * FROM staging.incoming_values WHERE FALSE;

CREATE OR REPLACE VIEW staging.described_files
COMMENT = 'What the files say of themselves, and what is wrong with one that holds no capture.'
AS
WITH described AS (
    SELECT
        f.landing_file,
        f.file_sha256,
        f.landed_at,
        f.envelope IS NOT NULL AS is_json,
        IS_ARRAY(f.envelope:records) AS has_records,
        COALESCE(
            f.envelope:records:status:error_message::VARCHAR, f.envelope:records:error::VARCHAR
        ) AS api_error,
        t.time AS ingested_at,
        IFF(
            LEFT(TO_JSON(f.envelope:source), 1) = '"'
            AND LENGTH(TRIM(f.envelope:source::VARCHAR, ' \t\n\r')) BETWEEN 1 AND 200,
            TRIM(f.envelope:source::VARCHAR, ' \t\n\r'),
            NULL
        ) AS source,
        CASE COALESCE(LEFT(TO_JSON(f.envelope:request:vs_currency), 1), 'n')
            WHEN 'n' THEN 'usd'
            WHEN '"' THEN
                REGEXP_SUBSTR(
                    LOWER(TRIM(f.envelope:request:vs_currency::VARCHAR, ' \t\n\r')), '^[a-z]{2,8}$'
                )
        END AS vs_currency,
        COALESCE(
            TRY_PARSE_JSON(
                REGEXP_REPLACE(
                    TO_JSON(f.envelope:request), '[{]"#number":("[^"]*")[}]', '\\1'
                )
            ),
            PARSE_JSON('{}')
        ) AS request,
        f.envelope:error::VARCHAR AS fetch_error,
        REGEXP_SUBSTR(f.landing_file, 'date=[0-9]{4}-[0-9]{2}-[0-9]{2}/hour=[0-9]{2}/') AS folder
    FROM staging.files AS f
    LEFT JOIN staging.decoded_values AS t
        ON t.landing_file = f.landing_file AND t.record_index = -1
)
-- A file whose description no batch can hold says nothing of itself but its name.
SELECT
    landing_file,
    file_sha256,
    IFF(
        folder IS NULL,
        DATE_TRUNC('HOUR', IFF(is_storable, ingested_at, landed_at)),
        DATEADD(
            HOUR,
            TRY_CAST(SUBSTR(folder, 22, 2) AS INTEGER),
            SUBSTR(folder, 6, 10)::DATE::TIMESTAMP_NTZ(6)
        )
    ) AS partition_hour,
    IFF(is_storable, source, NULL) AS source,
    vs_currency,
    IFF(is_storable, ingested_at, NULL) AS ingested_at,
    IFF(failure IS NULL, request, PARSE_JSON('{}')) AS request,
    fetch_error,
    failure,
    CASE source
        WHEN 'CoinGecko sandbox' THEN 'sandbox' WHEN 'CoinGecko recorded' THEN 'recorded'
        ELSE 'live'
    END AS kind
FROM (
    SELECT
        *,
        COALESCE(
            ingested_at >= '2009-01-03'::TIMESTAMP_NTZ AND ingested_at < '2200-01-01'::TIMESTAMP_NTZ
            -- The time of what is made up or played back may run ahead of the clock.
            AND (
                ingested_at <= DATEADD(DAY, 1, SYSDATE())
                OR source IN ('CoinGecko sandbox', 'CoinGecko recorded')
            ),
            FALSE
        ) AS is_storable,
        CASE
            WHEN NOT is_json THEN 'the file is not JSON'
            WHEN ingested_at IS NULL THEN 'no time - at `$.ingested_at`'
            WHEN source IS NULL THEN 'no text of 1 to 200 characters - at `$.source`'
            WHEN api_error IS NOT NULL THEN 'the API answered with an error: ' || api_error
            WHEN NOT COALESCE(has_records, FALSE) THEN 'Expected `array` - at `$.records`'
            WHEN vs_currency IS NULL THEN 'no currency - at `$.request.vs_currency`'
            WHEN NOT is_storable THEN 'no time of a fetch - at `$.ingested_at`'
        END AS failure
    FROM described
) AS evaluated;

CREATE OR REPLACE VIEW staging.drift
COMMENT = 'What is wrong with the form of a record: malformed values, fields that no one documented, documented fields that are missing.'
AS
SELECT
    r.landing_file,
    r.record_index,
    IFF(r.is_object, m.fields, 'the whole record') AS malformed,
    u.fields AS unknown_fields,
    a.fields AS missing_fields
FROM staging.records AS r
LEFT JOIN (
    SELECT
        landing_file, record_index,
        LISTAGG(field, ',') WITHIN GROUP (ORDER BY position) AS fields
    FROM staging.decoded_values
    WHERE is_malformed AND record_index >= 0
    GROUP BY landing_file, record_index
) AS m ON m.landing_file = r.landing_file AND m.record_index = r.record_index
LEFT JOIN (
    SELECT
        f.landing_file, f.record_index,
        LISTAGG(REPLACE(f.field, CHR(0), ''), ',') WITHIN GROUP (ORDER BY f.field) AS fields
    FROM staging.fields AS f
    WHERE f.level = 1
        AND NOT EXISTS (
            SELECT 1 FROM staging.api_fields AS d WHERE d.field = f.field AND d.field NOT LIKE 'roi.%'
        )
    GROUP BY f.landing_file, f.record_index
) AS u ON u.landing_file = r.landing_file AND u.record_index = r.record_index
LEFT JOIN (
    SELECT
        e.landing_file, e.record_index,
        LISTAGG(d.field, ',') WITHIN GROUP (ORDER BY d.field) AS fields
    FROM (SELECT landing_file, record_index FROM staging.records WHERE is_object) AS e
    CROSS JOIN (SELECT field FROM staging.api_fields WHERE is_base) AS d
    LEFT JOIN staging.fields AS f
        ON f.landing_file = e.landing_file AND f.record_index = e.record_index
        AND f.level = 1 AND f.field = d.field
    WHERE f.field IS NULL
    GROUP BY e.landing_file, e.record_index
) AS a ON a.landing_file = r.landing_file AND a.record_index = r.record_index;
