-- The points of a completed batch of price history are as many as it says, and its counts add up.
SELECT b.landing_file, b.points_loaded, p.points
FROM {lake}.history_batches AS b
LEFT JOIN (
    SELECT history_batch_id, count(*) AS points FROM {lake}.price_points GROUP BY history_batch_id
) AS p ON p.history_batch_id = b.history_batch_id
WHERE b.status = 'completed'
    AND (
        b.points_fetched
            <> b.points_loaded + b.points_duplicate + b.points_rejected + b.points_unfinished
        OR b.points_loaded <> coalesce(p.points, 0)
    )
