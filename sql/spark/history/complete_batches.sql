-- The last step of a silver load of price history: what became of the points, counted from those that
-- are there.
MERGE INTO {lake}.history_batches AS b
USING (
    SELECT s.landing_file, CAST(count(p.history_batch_id) AS INT) AS points_loaded
    FROM {files} AS s
    JOIN {lake}.history_batches AS n ON n.landing_file = s.landing_file
    LEFT JOIN {lake}.price_points AS p
        ON p.history_batch_id = n.history_batch_id AND p.snapshot_month IN ({months})
    WHERE n.status = 'loading'
    GROUP BY s.landing_file
) AS s
ON b.landing_file = s.landing_file
WHEN MATCHED AND b.status = 'loading' THEN UPDATE SET
    status = 'completed',
    points_loaded = s.points_loaded,
    points_duplicate = b.points_fetched - b.points_rejected - b.points_unfinished
        - s.points_loaded,
    loaded_at = current_timestamp()
