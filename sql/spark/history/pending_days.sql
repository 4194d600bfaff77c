-- The days on which the points lie that are being loaded, rejected ones too: what dim_date is to have.
SELECT DISTINCT date_trunc('DAY', p.observed_at) AS snapshot_time
FROM {points} AS p
JOIN {lake}.history_batches AS b ON b.landing_file = p.landing_file
WHERE b.status = 'loading'
    AND p.observed_at >= CAST('2009-01-03 00:00:00+00' AS TIMESTAMP)
    AND p.observed_at <= CAST('2200-01-01 00:00:00+00' AS TIMESTAMP)
