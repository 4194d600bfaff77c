-- The last step of a silver load: what became of the records, counted from the snapshots that are
-- there, so that it is the same after a load that died.
MERGE INTO {lake}.ingestion_batches AS b
USING (
    SELECT
        s.landing_file,
        CAST(count(p.batch_id) AS INT) AS records_loaded
    FROM {captures} AS s
    JOIN {lake}.ingestion_batches AS n ON n.landing_file = s.landing_file
    LEFT JOIN {lake}.price_snapshots AS p
        ON p.batch_id = n.batch_id AND p.snapshot_month IN ({months})
    WHERE n.status = 'loading'
    GROUP BY s.landing_file
) AS s
ON b.landing_file = s.landing_file
WHEN MATCHED AND b.status = 'loading' THEN UPDATE SET
    status = 'completed',
    records_loaded = s.records_loaded,
    records_duplicate = b.records_fetched - b.records_rejected - s.records_loaded,
    loaded_at = current_timestamp()
