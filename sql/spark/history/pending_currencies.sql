SELECT DISTINCT b.vs_currency
FROM {files} AS f
JOIN {lake}.history_batches AS b ON b.landing_file = f.landing_file
WHERE b.status = 'loading'
