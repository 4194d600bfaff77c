WITH merged AS (
    INSERT INTO analytics.dim_date SELECT * FROM incoming_dim_date
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) AS rows_inserted FROM merged;
