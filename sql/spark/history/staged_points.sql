-- The decoded points with the rules of quality.py that each breaks: names of the broken reject rules,
-- the reason in words, names of the broken warn rules.
-- Numbers are compared by their keys (crypto_pipeline/lakehouse/spark/exact.py).
SELECT
    p.*,
    timestamp_micros(
        unix_micros(observed_at)
        - unix_micros(observed_at) % (CAST(granularity_minutes AS BIGINT) * 60000000)
    ) AS bucket_time,
    -- [[[cog spark.points_rejected_by() ]]]
    array_compact(array(
        CASE WHEN NOT (malformed IS NULL) THEN 'point_well_formed' END,
        CASE WHEN NOT (observed_at IS NOT NULL) THEN 'observed_at_present' END,
        CASE WHEN NOT (observed_at >= CAST('2009-01-03 00:00:00+00' AS TIMESTAMP)) THEN 'observed_at_plausible' END,
        CASE WHEN NOT (observed_at <= ingested_at + INTERVAL '5' MINUTES) THEN 'observed_at_not_in_future' END,
        CASE WHEN NOT (price_order IS NOT NULL) THEN 'price_present' END,
        CASE WHEN NOT (price_order > '10000.') THEN 'price_positive' END,
        CASE WHEN NOT (LEAST(market_cap_order, total_volume_order) >= '10000.') THEN 'market_values_not_negative' END
    ))
    -- [[[end]]]
    AS rejected_by,
    -- [[[cog spark.points_reason() ]]]
    array_join(array_compact(array(
        CASE WHEN NOT (malformed IS NULL) THEN concat('values that are no number or no time, or not storable (', 'malformed = ', coalesce(left(malformed, 1000), 'null'), ')') END,
        CASE WHEN NOT (observed_at IS NOT NULL) THEN concat('no time (', 'observed_at = ', coalesce(concat(CAST(observed_at AS STRING), '+00'), 'null'), ')') END,
        CASE WHEN NOT (observed_at >= CAST('2009-01-03 00:00:00+00' AS TIMESTAMP)) THEN concat('its time lies before the first cryptocurrency (', 'observed_at = ', coalesce(concat(CAST(observed_at AS STRING), '+00'), 'null'), ')') END,
        CASE WHEN NOT (observed_at <= ingested_at + INTERVAL '5' MINUTES) THEN concat('its time lies after the fetch (', 'observed_at = ', coalesce(concat(CAST(observed_at AS STRING), '+00'), 'null'), ', ', 'ingested_at = ', coalesce(concat(CAST(ingested_at AS STRING), '+00'), 'null'), ')') END,
        CASE WHEN NOT (price_order IS NOT NULL) THEN concat('no price (', 'price = ', coalesce(price_text, 'null'), ')') END,
        CASE WHEN NOT (price_order > '10000.') THEN concat('price is not above 0 (', 'price = ', coalesce(price_text, 'null'), ')') END,
        CASE WHEN NOT (LEAST(market_cap_order, total_volume_order) >= '10000.') THEN concat('market cap or volume is negative (', 'market_cap = ', coalesce(market_cap_text, 'null'), ', ', 'total_volume = ', coalesce(total_volume_text, 'null'), ')') END
    )), '; ')
    -- [[[end]]]
    AS reason,
    -- [[[cog spark.points_warned_by() ]]]
    array_compact(array(
        CASE WHEN NOT (market_cap_order <> '10000.') THEN 'market_cap_known' END
    ))
    -- [[[end]]]
    AS warned_by
FROM (
    SELECT landing_file, crypto_id, vs_currency, granularity_minutes, ingested_at, point.*
    FROM (
        SELECT
            landing_file, crypto_id, vs_currency, granularity_minutes, ingested_at,
            explode(points) AS point
        FROM {files}
    ) AS exploded
) AS p
