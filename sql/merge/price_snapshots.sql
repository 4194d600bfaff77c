-- First write wins: a bucket that has a row keeps it, and the record counts as a duplicate.
SELECT ensure_month_partitions(
    'price_snapshots', (SELECT array_agg(DISTINCT snapshot_time) FROM incoming_price_snapshots)
);

WITH candidates AS (
    SELECT i.*, n.name_id, b.batch_id, b.ingested_at
    FROM incoming_price_snapshots AS i
    JOIN ingestion_batches AS b ON b.landing_file = i.landing_file AND b.status = 'loading'
    JOIN cryptocurrency_names AS n
        ON (n.crypto_id, n.symbol, n.name) = (i.crypto_id, i.symbol, i.name)
),
merged AS (
    INSERT INTO price_snapshots (
        crypto_id, vs_currency, snapshot_time, last_updated, name_id, batch_id, record_index,
        -- [[[cog columns(PRICE_MEASURES) ]]]
        current_price, high_24h, low_24h, price_change_24h, price_change_pct_24h, ath,
        ath_change_pct, ath_date, atl, atl_change_pct, atl_date
        -- [[[end]]]
    )
    SELECT
        crypto_id, vs_currency, snapshot_time, last_updated, name_id, batch_id, record_index,
        -- [[[cog columns(PRICE_MEASURES) ]]]
        current_price, high_24h, low_24h, price_change_24h, price_change_pct_24h, ath,
        ath_change_pct, ath_date, atl, atl_change_pct, atl_date
        -- [[[end]]]
    FROM candidates
    ORDER BY ingested_at, landing_file, last_updated DESC, record_index
    ON CONFLICT DO NOTHING
    RETURNING batch_id
),
counts AS (
    SELECT batch_id, c.candidates, coalesce(m.loaded, 0) AS loaded
    FROM (SELECT batch_id, count(*) AS candidates FROM candidates GROUP BY batch_id) AS c
    LEFT JOIN (SELECT batch_id, count(*) AS loaded FROM merged GROUP BY batch_id) AS m
        USING (batch_id)
),
counted AS (
    UPDATE ingestion_batches AS b
    SET records_loaded = c.loaded, records_duplicate = c.candidates - c.loaded
    FROM counts AS c
    WHERE b.batch_id = c.batch_id
    RETURNING b.records_loaded, b.records_duplicate
)
SELECT
    coalesce(sum(records_loaded), 0)::bigint AS rows_inserted,
    coalesce(sum(records_duplicate), 0)::bigint AS rows_duplicate
FROM counted;
