-- Which rows every silver table should hold, given the staged files, their records and the violations.

-- What is rejected is in staged_rejects and in the violations; what follows is about the others.
DELETE FROM staged_records AS r
USING violations AS v
WHERE v.rejected_by <> '{}' AND (v.file_id, v.record_index) = (r.file_id, r.record_index);

-- The planner knows how many records there are by the size of their table, and of a table without
-- statistics it expects more rows than of one with none.
ANALYZE staged_files (file_id), violations (file_id);

CREATE TEMPORARY TABLE staged_ingestion_batches ON COMMIT DROP AS
WITH counts AS (
    SELECT file_id, sum(records)::integer AS records_fetched, sum(rejected)::integer AS records_rejected
    FROM (
        SELECT file_id, count(*) AS records, 0 AS rejected FROM staged_records GROUP BY file_id
        UNION ALL
        SELECT file_id, count(*), count(*) FROM violations WHERE rejected_by <> '{}' GROUP BY file_id
    ) AS by_outcome
    GROUP BY file_id
),
warnings AS (
    SELECT file_id, jsonb_object_agg(rule, records)::text AS warnings
    FROM (
        SELECT file_id, rule, count(*) AS records
        FROM violations, unnest(warned_by) AS rule
        WHERE rejected_by = '{}'
        GROUP BY file_id, rule
    ) AS by_rule
    GROUP BY file_id
),
drift AS (
    SELECT file_id, jsonb_object_agg(field, records)::text AS schema_drift
    FROM (
        SELECT file_id, field, count(*) AS records
        FROM (
            SELECT file_id, 'unknown: ' || unnest(string_to_array(unknown_fields, ','))
            FROM violations WHERE unknown_fields IS NOT NULL
            UNION ALL
            SELECT file_id, 'missing: ' || unnest(string_to_array(missing_fields, ','))
            FROM violations WHERE missing_fields IS NOT NULL
        ) AS drifting (file_id, field)
        GROUP BY file_id, field
    ) AS by_field
    GROUP BY file_id
),
origin AS (
    SELECT coalesce(
        (SELECT kind FROM data_origin),
        (
            SELECT source_kind(f.source)
            FROM staged_files AS f
            LEFT JOIN counts AS c USING (file_id)
            WHERE NOT f.failed
                AND coalesce(c.records_rejected <= f.max_rejected_share * c.records_fetched, true)
            ORDER BY f.ingested_at, f.landing_file LIMIT 1
        )
    ) AS kind
),
evaluated AS (
    SELECT
        f.*,
        coalesce(c.records_fetched, 0) AS records_fetched,
        coalesce(c.records_rejected, 0) AS records_rejected,
        coalesce(w.warnings, '{}') AS warnings,
        coalesce(d.schema_drift, '{}') AS schema_drift,
        CASE
            WHEN f.failed THEN f.error
            WHEN source_kind(f.source) <> o.kind THEN format(
                'the file holds %s data, this database %s data: load it into a database of its own',
                source_kind(f.source), o.kind
            )
            WHEN c.records_rejected > f.max_rejected_share * c.records_fetched THEN format(
                '%s of %s records break a reject rule, more than the share of %s allowed',
                c.records_rejected, c.records_fetched, f.max_rejected_share
            )
        END AS failure
    FROM staged_files AS f
    CROSS JOIN origin AS o
    LEFT JOIN counts AS c USING (file_id)
    LEFT JOIN warnings AS w USING (file_id)
    LEFT JOIN drift AS d USING (file_id)
)
SELECT
    coalesce(known.batch_id, nextval(pg_get_serial_sequence('ingestion_batches', 'batch_id')))
        AS batch_id,
    j.*
FROM (
    SELECT
        file_id, landing_file, file_sha256, partition_hour, source, vs_currency, ingested_at,
        ingested_at_origin, request,
        failure IS NOT NULL AS failed,
        coalesce(failure, error) AS error,
        records_fetched, records_rejected, warnings, schema_drift,
        row_number() OVER (ORDER BY ingested_at, landing_file) AS load_order
    FROM evaluated
    ORDER BY load_order
) AS j
LEFT JOIN ingestion_batches AS known USING (landing_file)
ORDER BY load_order;

ANALYZE staged_ingestion_batches (file_id, landing_file, failed);

CREATE TEMPORARY VIEW accepted_records AS
SELECT r.*, b.vs_currency, b.ingested_at, b.landing_file, b.batch_id, b.load_order
FROM staged_records AS r
JOIN staged_ingestion_batches AS b USING (file_id)
WHERE NOT b.failed;

-- The ways in which coins are listed, few as they are: a listing's newest record has the largest place.
CREATE TEMPORARY TABLE staged_listings ON COMMIT DROP AS
SELECT
    crypto_id, symbol, name, image_url,
    min(ingested_at) AS first_seen_at,
    max(ingested_at) AS last_seen_at,
    max((load_order << 31) + record_index) AS newest_place
FROM accepted_records
GROUP BY crypto_id, symbol, name, image_url;

CREATE TEMPORARY VIEW staged_cryptocurrencies AS
SELECT DISTINCT ON (crypto_id)
    crypto_id,
    symbol,
    name,
    image_url,
    min(first_seen_at) OVER (PARTITION BY crypto_id) AS first_seen_at,
    last_seen_at
FROM staged_listings
ORDER BY crypto_id, newest_place DESC;

CREATE TEMPORARY VIEW staged_cryptocurrency_names AS
SELECT DISTINCT crypto_id, symbol, name
FROM staged_listings
ORDER BY crypto_id, symbol, name;

-- In the order of loading: of two records for one bucket the earlier file's wins, within one file
-- the fresher one.
CREATE TEMPORARY VIEW staged_price_snapshots AS
SELECT
    landing_file, record_index, crypto_id, vs_currency, snapshot_time,
    last_updated, symbol, name,
    -- [[[cog columns(PRICE_MEASURES) ]]]
    current_price, high_24h, low_24h, price_change_24h, price_change_pct_24h, ath,
    ath_change_pct, ath_date, atl, atl_change_pct, atl_date
    -- [[[end]]]
FROM accepted_records
ORDER BY ingested_at, landing_file, last_updated DESC, record_index;

CREATE TEMPORARY VIEW staged_market_metrics AS
SELECT
    landing_file, record_index, crypto_id, vs_currency, snapshot_time,
    -- [[[cog columns(METRIC_MEASURES) ]]]
    market_cap, market_cap_rank, fully_diluted_valuation, total_volume,
    market_cap_change_24h, market_cap_change_pct_24h, circulating_supply, total_supply,
    max_supply, roi_times, roi_currency, roi_percentage,
    market_cap_rank_with_rehypothecated
    -- [[[end]]]
FROM accepted_records
ORDER BY ingested_at, landing_file, record_index;

CREATE TEMPORARY VIEW staged_rejected_records AS
SELECT
    f.landing_file, r.record_index, left(v.crypto_id, 200) AS crypto_id, v.rejected_by AS rules,
    -- [[[cog rule_versions("v.rejected_by") ]]]
    ARRAY(SELECT 1 FROM unnest(v.rejected_by) WITH ORDINALITY AS r (rule, n) ORDER BY n)
    -- [[[end]]]
    AS rule_versions,
    v.reason, r.record
FROM staged_rejects AS r
JOIN violations AS v USING (file_id, record_index)
JOIN staged_files AS f USING (file_id)
ORDER BY f.landing_file, r.record_index;
