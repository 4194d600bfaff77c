-- What the batch of every staged file is: its counts, its warnings, and whether it failed as a whole.
-- A schema holds one kind of data, that of its first batch that did not fail.
WITH counts AS (
    SELECT
        landing_file,
        count(*) AS records_fetched,
        count_if(size(rejected_by) > 0) AS records_rejected
    FROM {records}
    GROUP BY landing_file
),
warnings AS (
    SELECT landing_file, map_from_entries(collect_list(struct(rule, records))) AS warnings
    FROM (
        SELECT landing_file, rule, count(*) AS records
        FROM (
            SELECT landing_file, explode(warned_by) AS rule
            FROM {records}
            WHERE size(rejected_by) = 0
        ) AS warned
        GROUP BY landing_file, rule
    ) AS by_rule
    GROUP BY landing_file
),
drift AS (
    SELECT landing_file, map_from_entries(collect_list(struct(field, records))) AS schema_drift
    FROM (
        SELECT landing_file, field, count(*) AS records
        FROM (
            SELECT landing_file, concat('unknown: ', name) AS field
            FROM (
                SELECT landing_file, explode(split(unknown_fields, ',')) AS name
                FROM {records} WHERE unknown_fields IS NOT NULL
            ) AS unknown_names
            UNION ALL
            SELECT landing_file, concat('missing: ', name) AS field
            FROM (
                SELECT landing_file, explode(split(missing_fields, ',')) AS name
                FROM {records} WHERE missing_fields IS NOT NULL
            ) AS missing_names
        ) AS drifting
        GROUP BY landing_file, field
    ) AS by_field
    GROUP BY landing_file
),
described AS (
    SELECT
        f.landing_file, f.file_sha256, f.partition_hour, f.source, f.source_kind, f.vs_currency,
        f.ingested_at, f.request, f.error, f.failed,
        CAST(coalesce(c.records_fetched, 0) AS INT) AS records_fetched,
        CAST(coalesce(c.records_rejected, 0) AS INT) AS records_rejected,
        coalesce(w.warnings, CAST(map() AS MAP<STRING, BIGINT>)) AS warnings,
        coalesce(d.schema_drift, CAST(map() AS MAP<STRING, BIGINT>)) AS schema_drift,
        coalesce(c.records_rejected > {max_rejected_share} * c.records_fetched, false)
            AS too_many_rejected
    FROM {captures} AS f
    LEFT JOIN counts AS c ON c.landing_file = f.landing_file
    LEFT JOIN warnings AS w ON w.landing_file = f.landing_file
    LEFT JOIN drift AS d ON d.landing_file = f.landing_file
),
origin AS (
    SELECT source_kind AS kind
    FROM (
        SELECT
            source_kind, row_number() OVER (ORDER BY turn, ingested_at, landing_file) AS place
        FROM (
            SELECT 1 AS turn, source_kind, ingested_at, landing_file
            FROM {lake}.ingestion_batches WHERE status IN ('loading', 'completed')
            UNION ALL
            SELECT 1 AS turn, source_kind, ingested_at, landing_file
            FROM {lake}.history_batches WHERE status IN ('loading', 'completed')
            UNION ALL
            SELECT 2 AS turn, source_kind, ingested_at, landing_file
            FROM described WHERE NOT failed AND NOT too_many_rejected
        ) AS candidates
    ) AS numbered
    WHERE place = 1
),
evaluated AS (
    SELECT
        d.*,
        CASE
            WHEN d.failed THEN d.error
            WHEN d.source_kind <> o.kind THEN concat(
                'the file holds ', d.source_kind, ' data, this database ', o.kind,
                ' data: load it into a database of its own'
            )
            WHEN d.too_many_rejected THEN concat(
                CAST(d.records_rejected AS STRING), ' of ', CAST(d.records_fetched AS STRING),
                ' records break a reject rule, more than the share of {max_rejected_share} allowed'
            )
        END AS failure
    FROM described AS d
    LEFT JOIN origin AS o ON true
)
SELECT
    landing_file, file_sha256, partition_hour, source, source_kind, vs_currency, ingested_at,
    request,
    failure IS NOT NULL AS failed,
    coalesce(failure, error) AS error,
    records_fetched, records_rejected, warnings, schema_drift,
    row_number() OVER (ORDER BY ingested_at NULLS LAST, landing_file) AS place
FROM evaluated
