-- What the batch of every staged file of price history is: its counts, its warnings, and whether it
-- failed as a whole. A schema holds one kind of data, that of its first batch that did not fail.
WITH rejected AS (
    SELECT landing_file, count(*) AS points
    FROM {points} WHERE size(rejected_by) > 0 GROUP BY landing_file
),
warnings AS (
    SELECT landing_file, map_from_entries(collect_list(struct(rule, points))) AS warnings
    FROM (
        SELECT landing_file, rule, count(*) AS points
        FROM (
            SELECT landing_file, explode(warned_by) AS rule
            FROM {points}
            WHERE size(rejected_by) = 0
        ) AS warned
        GROUP BY landing_file, rule
    ) AS by_rule
    GROUP BY landing_file
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
            FROM {files} WHERE NOT failed
        ) AS candidates
    ) AS numbered
    WHERE place = 1
),
evaluated AS (
    SELECT
        f.landing_file, f.file_sha256, f.origin, f.crypto_id, f.vs_currency, f.granularity_minutes,
        f.source, f.source_kind, f.requested_from, f.requested_to, f.ingested_at,
        f.points_fetched, f.points_unfinished,
        CAST(coalesce(r.points, 0) AS INT) AS points_rejected,
        coalesce(w.warnings, CAST(map() AS MAP<STRING, BIGINT>)) AS warnings,
        CASE
            WHEN f.failed THEN f.error
            WHEN f.source_kind <> o.kind THEN concat(
                'the file holds ', f.source_kind, ' data, this database ', o.kind,
                ' data: load it into a database of its own'
            )
            WHEN r.points > {max_rejected_share} * f.points_fetched THEN concat(
                CAST(r.points AS STRING), ' of ', CAST(f.points_fetched AS STRING),
                ' points break a reject rule, more than the share of {max_rejected_share} allowed'
            )
        END AS error
    FROM {files} AS f
    LEFT JOIN origin AS o ON true
    LEFT JOIN rejected AS r ON r.landing_file = f.landing_file
    LEFT JOIN warnings AS w ON w.landing_file = f.landing_file
)
SELECT *, row_number() OVER (ORDER BY ingested_at NULLS LAST, landing_file) AS place
FROM evaluated
