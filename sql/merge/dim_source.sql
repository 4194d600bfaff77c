WITH merged AS (
    INSERT INTO analytics.dim_source (source, kind) SELECT source, kind FROM incoming_dim_source
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) AS rows_inserted FROM merged;
