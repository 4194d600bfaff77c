-- What the staged points say otherwise of a time that was known already. A point of another time in
-- the same bucket says nothing of it. In turns, so that of several files each is compared with what the
-- one before it has said, as if they had been loaded one by one.
CREATE TEMPORARY TABLE later_points ON COMMIT DROP AS
WITH good_points AS (
    SELECT
        b.crypto_id, b.vs_currency, b.granularity_minutes,
        to_timestamp(
            (p.observed_ms - p.observed_ms % (b.granularity_minutes * 60000::bigint)) / 1000
        ) AS bucket_time,
        to_timestamp(p.observed_ms / 1000::double precision) AS observed_at,
        p.price, nullif(p.market_cap, 0) AS market_cap, p.total_volume,
        b.history_batch_id, p.point_index, b.load_order, b.ingested_at
    FROM staged_points AS p
    JOIN staged_history_batches AS b USING (file_id)
    JOIN history_batches AS h USING (history_batch_id)
    LEFT JOIN broken_points AS x
        ON x.file_id = p.file_id AND x.point_index = p.point_index AND x.rejected_by <> '{}'
    WHERE b.failure IS NULL AND h.points_duplicate > 0 AND x.file_id IS NULL
)
SELECT
    g.*,
    p.price AS first_price, p.market_cap AS first_market_cap, p.total_volume AS first_total_volume,
    row_number() OVER (
        PARTITION BY crypto_id, vs_currency, granularity_minutes, bucket_time
        ORDER BY g.load_order, g.point_index
    ) AS turn
FROM good_points AS g
JOIN price_points AS p USING (crypto_id, vs_currency, granularity_minutes, bucket_time)
WHERE p.observed_at = g.observed_at
    AND (p.history_batch_id, p.point_index) <> (g.history_batch_id, g.point_index);

CREATE TEMPORARY TABLE restated_points ON COMMIT DROP AS
SELECT * FROM later_points WITH NO DATA;

DO $$
BEGIN
    FOR this_turn IN 1 .. (SELECT coalesce(max(turn), 0) FROM later_points) LOOP
        WITH restated AS (
            INSERT INTO restated_points
            SELECT g.*
            FROM later_points AS g
            LEFT JOIN LATERAL (
                SELECT c.price, c.market_cap, c.total_volume
                FROM price_corrections AS c
                WHERE c.crypto_id = g.crypto_id AND c.vs_currency = g.vs_currency
                    AND c.granularity_minutes = g.granularity_minutes
                    AND c.bucket_time = g.bucket_time
                    AND c.known_from <= g.ingested_at
                ORDER BY c.known_from DESC, c.history_batch_id DESC
                LIMIT 1
            ) AS newest ON true
            CROSS JOIN LATERAL (
                SELECT
                    CASE WHEN newest.price IS NULL THEN g.first_price ELSE newest.price END
                        AS price,
                    CASE WHEN newest.price IS NULL THEN g.first_market_cap ELSE newest.market_cap END
                        AS market_cap,
                    CASE
                        WHEN newest.price IS NULL THEN g.first_total_volume ELSE newest.total_volume
                    END AS total_volume
            ) AS known
            WHERE g.turn = this_turn
                AND (
                    -- [[[cog restated("known", "g") ]]]
                    differs_by_more(known.price, g.price, 0.001)
                    OR differs_by_more(known.market_cap, g.market_cap, 0.001)
                    OR differs_by_more(known.total_volume, g.total_volume, 0.001)
                    -- [[[end]]]
                )
            RETURNING *
        )
        INSERT INTO price_corrections (
            crypto_id, vs_currency, granularity_minutes, bucket_time, known_from, history_batch_id,
            point_index, observed_at, price, market_cap, total_volume
        )
        SELECT
            crypto_id, vs_currency, granularity_minutes, bucket_time, ingested_at, history_batch_id,
            point_index, observed_at, price, market_cap, total_volume
        FROM restated
        ON CONFLICT DO NOTHING;
    END LOOP;
END
$$;

UPDATE history_batches AS b
SET points_restated = r.points
FROM (
    SELECT history_batch_id, count(*)::integer AS points FROM restated_points GROUP BY history_batch_id
) AS r
WHERE b.history_batch_id = r.history_batch_id;
