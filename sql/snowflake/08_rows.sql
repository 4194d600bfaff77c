-- Which rows every table should get: what sql/silver and sql/gold say for PostgreSQL.

-- A batch fails when a larger share of its records is rejected (MAX_REJECTED_SHARE).
CREATE TABLE IF NOT EXISTS silver.load_settings (
    max_rejected_share NUMBER(5,4) NOT NULL
        COMMENT 'Share of rejected records above which a batch fails.'
)
COMMENT = 'One row: what the loads are told.';
INSERT INTO silver.load_settings (max_rejected_share)
SELECT 0.5 WHERE NOT EXISTS (SELECT 1 FROM silver.load_settings);

-- --------------------------------------------------------------------------------------------
-- Silver
-- --------------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW staging.incoming_batches
COMMENT = 'The files of this load as batches: what they hold, and whether they fail.'
AS
WITH counts AS (
    SELECT
        landing_file,
        COUNT(*) AS records_fetched,
        COUNT_IF(ARRAY_SIZE(rejected_by) > 0) AS records_rejected
    FROM staging.checked_records
    GROUP BY landing_file
),
warnings AS (
    SELECT landing_file, OBJECT_AGG(rule, records) AS warnings
    FROM (
        SELECT c.landing_file, w.value::VARCHAR AS rule, COUNT(*)::VARIANT AS records
        FROM (
            SELECT landing_file, warned_by FROM staging.checked_records
            WHERE ARRAY_SIZE(rejected_by) = 0 AND ARRAY_SIZE(warned_by) > 0
        ) AS c,
            LATERAL FLATTEN(INPUT => c.warned_by) AS w
        GROUP BY c.landing_file, w.value::VARCHAR
    ) AS by_rule
    GROUP BY landing_file
),
drift AS (
    SELECT landing_file, OBJECT_AGG(field, records) AS schema_drift
    FROM (
        SELECT landing_file, field, COUNT(*)::VARIANT AS records
        FROM (
            SELECT d.landing_file, 'unknown: ' || u.value::VARCHAR AS field
            FROM (SELECT * FROM staging.drift WHERE unknown_fields IS NOT NULL) AS d,
                LATERAL FLATTEN(INPUT => SPLIT(d.unknown_fields, ',')) AS u
            UNION ALL
            SELECT d.landing_file, 'missing: ' || m.value::VARCHAR
            FROM (SELECT * FROM staging.drift WHERE missing_fields IS NOT NULL) AS d,
                LATERAL FLATTEN(INPUT => SPLIT(d.missing_fields, ',')) AS m
        ) AS drifting
        GROUP BY landing_file, field
    ) AS by_field
    GROUP BY landing_file
),
counted AS (
    SELECT
        f.*,
        COALESCE(c.records_fetched, 0) AS records_fetched,
        COALESCE(c.records_rejected, 0) AS records_rejected,
        COALESCE(w.warnings, PARSE_JSON('{}')) AS warnings,
        COALESCE(d.schema_drift, PARSE_JSON('{}')) AS schema_drift,
        s.max_rejected_share
    FROM staging.described_files AS f
    CROSS JOIN silver.load_settings AS s
    LEFT JOIN counts AS c ON c.landing_file = f.landing_file AND f.failure IS NULL
    LEFT JOIN warnings AS w ON w.landing_file = f.landing_file AND f.failure IS NULL
    LEFT JOIN drift AS d ON d.landing_file = f.landing_file AND f.failure IS NULL
),
origin AS (
    SELECT COALESCE(
        (SELECT MAX(kind) FROM silver.data_origin),
        (
            SELECT MAX(kind)
            FROM (
                SELECT kind
                FROM counted
                WHERE failure IS NULL AND records_rejected <= max_rejected_share * records_fetched
                QUALIFY ROW_NUMBER() OVER (ORDER BY ingested_at, landing_file) = 1
            ) AS first_file
        )
    ) AS kind
),
evaluated AS (
    SELECT
        c.*,
        CASE
            WHEN c.failure IS NOT NULL THEN c.failure
            WHEN c.kind <> o.kind THEN
                'the file holds ' || c.kind || ' data, this database ' || o.kind
                || ' data: load it into a database of its own'
            WHEN c.records_rejected > c.max_rejected_share * c.records_fetched THEN
                c.records_rejected || ' of ' || c.records_fetched
                || ' records break a reject rule, more than the share of '
                || REGEXP_REPLACE(TO_VARCHAR(c.max_rejected_share), '[.]?0+$') || ' allowed'
        END AS final_failure
    FROM counted AS c
    CROSS JOIN origin AS o
)
SELECT
    landing_file,
    file_sha256,
    partition_hour,
    source,
    IFF(failure IS NULL, vs_currency, NULL) AS vs_currency,
    ingested_at,
    request,
    kind,
    final_failure IS NOT NULL AS failed,
    IFF(final_failure IS NOT NULL, 'failed', 'loading') AS status,
    COALESCE(final_failure, fetch_error) AS error,
    records_fetched,
    records_rejected,
    warnings,
    schema_drift,
    SYSDATE()::TIMESTAMP_NTZ(6) AS loaded_at
FROM evaluated;
CREATE OR REPLACE TRANSIENT TABLE staging.batches AS
SELECT * FROM staging.incoming_batches WHERE FALSE;

CREATE OR REPLACE VIEW staging.accepted_records
COMMENT = 'The good records of the batches that are loading.'
AS
SELECT r.*, b.batch_id
FROM staging.storable_records AS r
JOIN silver.ingestion_batches AS b ON b.landing_file = r.landing_file AND b.status = 'loading'
WHERE ARRAY_SIZE(r.rejected_by) = 0;

-- The newest record describes the coin, in whatever order files are loaded.
CREATE OR REPLACE VIEW staging.incoming_cryptocurrencies AS
SELECT
    i.crypto_id,
    IFF(c.last_seen_at >= i.last_seen_at, c.symbol, i.symbol) AS symbol,
    IFF(c.last_seen_at >= i.last_seen_at, c.name, i.name) AS name,
    IFF(c.last_seen_at >= i.last_seen_at, c.image_url, i.image_url) AS image_url,
    LEAST(i.first_seen_at, COALESCE(c.first_seen_at, i.first_seen_at)) AS first_seen_at,
    GREATEST(i.last_seen_at, COALESCE(c.last_seen_at, i.last_seen_at)) AS last_seen_at
FROM (
    SELECT
        crypto_id,
        symbol,
        name,
        image_url,
        MIN(ingested_at) OVER (PARTITION BY crypto_id) AS first_seen_at,
        ingested_at AS last_seen_at
    FROM staging.accepted_records
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY crypto_id ORDER BY ingested_at DESC, landing_file DESC, record_index DESC
    ) = 1
) AS i
LEFT JOIN silver.cryptocurrencies AS c ON c.crypto_id = i.crypto_id
WHERE c.crypto_id IS NULL
    OR i.last_seen_at > c.last_seen_at OR i.first_seen_at < c.first_seen_at;

-- Of two records for one bucket the earlier file's wins, within one file the fresher one.
CREATE OR REPLACE VIEW staging.incoming_snapshots AS
SELECT r.*, n.name_id
FROM staging.accepted_records AS r
JOIN silver.cryptocurrency_names AS n
    ON n.crypto_id = r.crypto_id AND n.symbol = r.symbol AND n.name = r.name
QUALIFY ROW_NUMBER() OVER (
    PARTITION BY r.crypto_id, r.vs_currency, r.snapshot_time
    ORDER BY r.ingested_at, r.landing_file, r.last_updated DESC, r.record_index
) = 1;

-- --------------------------------------------------------------------------------------------
-- Gold
-- --------------------------------------------------------------------------------------------

-- The batches that a gold load carries: a table, so that all its statements mean the same ones, and
-- the same time.
CREATE OR REPLACE VIEW staging.pending_batches AS
SELECT batch_id, source, ingested_at, SYSDATE()::TIMESTAMP_NTZ(6) AS load_timestamp
FROM silver.ingestion_batches
WHERE status = 'completed' AND gold_loaded_at IS NULL;
CREATE OR REPLACE TRANSIENT TABLE staging.gold_batches AS
SELECT * FROM staging.pending_batches WHERE FALSE;

CREATE OR REPLACE VIEW staging.incoming_dim_date
COMMENT = 'Every day of every year in which a batch pending for gold has a snapshot.'
AS
SELECT
    YEAR(day) * 10000 + MONTH(day) * 100 + DAYOFMONTH(day) AS date_key,
    day AS full_date,
    YEAR(day) AS calendar_year,
    QUARTER(day) AS quarter_of_year,
    MONTH(day) AS month_of_year,
    CASE MONTH(day)
        WHEN 1 THEN 'January' WHEN 2 THEN 'February' WHEN 3 THEN 'March' WHEN 4 THEN 'April'
        WHEN 5 THEN 'May' WHEN 6 THEN 'June' WHEN 7 THEN 'July' WHEN 8 THEN 'August'
        WHEN 9 THEN 'September' WHEN 10 THEN 'October' WHEN 11 THEN 'November' ELSE 'December'
    END AS month_name,
    DAYOFMONTH(day) AS day_of_month,
    DAYOFYEAR(day) AS day_of_year,
    DAYOFWEEKISO(day) AS day_of_week,
    CASE DAYOFWEEKISO(day)
        WHEN 1 THEN 'Monday' WHEN 2 THEN 'Tuesday' WHEN 3 THEN 'Wednesday' WHEN 4 THEN 'Thursday'
        WHEN 5 THEN 'Friday' WHEN 6 THEN 'Saturday' ELSE 'Sunday'
    END AS day_name,
    YEAROFWEEKISO(day) AS iso_year,
    WEEKISO(day) AS iso_week,
    DAYOFWEEKISO(day) >= 6 AS is_weekend
FROM (
    SELECT DATEADD(DAY, n.n, DATE_FROM_PARTS(y.year, 1, 1))::DATE AS day, y.year
    FROM (
        SELECT DISTINCT YEAR(s.snapshot_time) AS year
        FROM silver.price_snapshots AS s
        JOIN staging.gold_batches AS b ON b.batch_id = s.batch_id
    ) AS y
    CROSS JOIN (
        SELECT ROW_NUMBER() OVER (ORDER BY SEQ4()) - 1 AS n FROM TABLE(GENERATOR(ROWCOUNT => 366))
    ) AS n
) AS days
WHERE YEAR(day) = days.year;

-- The versions of the coins whose waiting snapshots say something that the dimension does not say
-- yet, worked out from all of a coin's snapshots: see sql/gold/dim_cryptocurrency.sql.
CREATE OR REPLACE VIEW staging.incoming_versions AS
WITH changed_coins AS (
    SELECT DISTINCT s.crypto_id
    FROM silver.price_snapshots AS s
    JOIN staging.gold_batches AS b ON b.batch_id = s.batch_id
    JOIN silver.cryptocurrency_names AS n ON n.name_id = s.name_id
    LEFT JOIN analytics.dim_cryptocurrency AS d
        ON d.crypto_id = s.crypto_id
        AND d.symbol = n.symbol
        AND d.name = n.name
        AND d.valid_from <= s.last_updated AND s.last_updated < d.valid_to
    WHERE d.crypto_id IS NULL
),
observations AS (
    SELECT s.crypto_id, n.symbol, n.name, s.last_updated, NULL AS crypto_key
    FROM changed_coins AS c
    JOIN silver.price_snapshots AS s ON s.crypto_id = c.crypto_id
    JOIN silver.ingestion_batches AS b ON b.batch_id = s.batch_id AND b.status = 'completed'
    JOIN silver.cryptocurrency_names AS n ON n.name_id = s.name_id
    UNION ALL
    SELECT d.crypto_id, d.symbol, d.name, d.valid_from, d.crypto_key
    FROM changed_coins AS c
    JOIN analytics.dim_cryptocurrency AS d ON d.crypto_id = c.crypto_id
),
-- A coin is in the data once a currency: one observation an instant is enough.
instants AS (
    SELECT *
    FROM observations
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY crypto_id, last_updated ORDER BY crypto_key NULLS LAST, symbol, name
    ) = 1
),
marked AS (
    SELECT
        *,
        IFF(
            LAG(symbol) OVER (PARTITION BY crypto_id ORDER BY last_updated) = symbol
            AND LAG(name) OVER (PARTITION BY crypto_id ORDER BY last_updated) = name,
            0,
            1
        ) AS starts_version
    FROM instants
),
numbered AS (
    SELECT
        *,
        SUM(starts_version) OVER (
            PARTITION BY crypto_id ORDER BY last_updated
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS version
    FROM marked
),
versions AS (
    SELECT
        crypto_id,
        version,
        MIN(symbol) AS symbol,
        MIN(name) AS name,
        MIN(last_updated) AS valid_from,
        MAX(crypto_key) AS crypto_key
    FROM numbered
    GROUP BY crypto_id, version
)
SELECT
    v.crypto_key::NUMBER(19,0) AS crypto_key,
    v.crypto_id,
    v.symbol,
    v.name,
    v.valid_from,
    COALESCE(
        LEAD(v.valid_from) OVER (PARTITION BY v.crypto_id ORDER BY v.version),
        '9999-12-31'::TIMESTAMP_NTZ(6)
    ) AS valid_to,
    LEAD(v.valid_from) OVER (PARTITION BY v.crypto_id ORDER BY v.version) IS NULL AS is_current,
    c.image_url
FROM versions AS v
JOIN silver.cryptocurrencies AS c ON c.crypto_id = v.crypto_id;
CREATE OR REPLACE TRANSIENT TABLE staging.versions AS
SELECT * FROM staging.incoming_versions WHERE FALSE;

CREATE OR REPLACE VIEW staging.incoming_facts AS
SELECT
    YEAR(h.snapshot_time) * 10000 + MONTH(h.snapshot_time) * 100 + DAYOFMONTH(h.snapshot_time)
        AS date_key,
    HOUR(h.snapshot_time) * 100 + MINUTE(h.snapshot_time) AS time_key,
    COALESCE(c.crypto_key, -1) AS crypto_key,
    COALESCE(o.source_key, -1) AS source_key,
    h.crypto_id,
    h.vs_currency,
    h.snapshot_time,
    h.last_updated,
    h.batch_id,
    -- [[[cog columns(FACT.measures, "h.{}", end=",", one_per_line=True) ]]]
    h.current_price,
    h.high_24h,
    h.low_24h,
    h.price_change_24h,
    h.price_change_pct_24h,
    h.ath,
    h.ath_change_pct,
    h.atl,
    h.atl_change_pct,
    h.market_cap,
    h.market_cap_rank,
    h.fully_diluted_valuation,
    h.total_volume,
    h.market_cap_change_24h,
    h.market_cap_change_pct_24h,
    h.circulating_supply,
    h.total_supply,
    h.max_supply,
    h.roi_times,
    h.roi_percentage,
    h.market_cap_rank_with_rehypothecated,
    -- [[[end]]]
    b.load_timestamp
FROM staging.gold_batches AS b
JOIN silver.v_price_history AS h ON h.batch_id = b.batch_id
LEFT JOIN analytics.dim_cryptocurrency AS c
    ON c.crypto_id = h.crypto_id
    AND c.valid_from <= h.last_updated AND h.last_updated < c.valid_to
LEFT JOIN analytics.dim_source AS o ON o.source_name = h.source;
