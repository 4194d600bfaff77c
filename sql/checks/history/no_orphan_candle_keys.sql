-- a candle whose day, hour or source is not in its dimension
SELECT f.crypto_id, f.vs_currency, f.hour_start
FROM pruned_fact_crypto_price_hourly AS f
LEFT JOIN analytics.dim_date AS d USING (date_key)
LEFT JOIN analytics.dim_time AS t USING (time_key)
LEFT JOIN analytics.dim_source AS o USING (source_key)
WHERE f.hour_start >= (SELECT range_start FROM check_scope)
    AND f.hour_start < (SELECT range_end FROM check_scope)
    AND (
        d.full_date IS DISTINCT FROM (f.hour_start AT TIME ZONE 'UTC')::date
        OR t.full_time IS DISTINCT FROM (f.hour_start AT TIME ZONE 'UTC')::time
        OR o.source_key IS NULL
    )
