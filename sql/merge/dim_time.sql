WITH merged AS (
    INSERT INTO analytics.dim_time SELECT * FROM incoming_dim_time
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) AS rows_inserted FROM merged;
