-- A thousand coins for the dashboard's benchmark: daily candles since July 2015, hourly ones of the last
-- ten months, batches of every hour, rejects, requests. Some days lack an hour.
INSERT INTO data_origin (kind) VALUES ('live');
INSERT INTO analytics.dim_source (source_name, kind) VALUES ('CoinGecko', 'live');
CREATE TEMPORARY TABLE coins AS
SELECT
    i, 1e12 / i ^ 1.3 AS cap,
    coalesce((ARRAY['bitcoin', 'ethereum', 'solana', 'ripple'])[i], 'coin-' || i) AS crypto_id
FROM generate_series(1, 1000) AS i;
INSERT INTO analytics.dim_cryptocurrency (crypto_id, symbol, name, valid_from, valid_to, is_current)
SELECT crypto_id, 's' || i, 'Coin ' || i, '2015-07-01 UTC', '9999-12-31 UTC', true FROM coins;
INSERT INTO analytics.fact_crypto_price_daily (
    date_key, source_key, crypto_id, vs_currency, day, open_price, high_price, low_price, close_price,
    mean_price, market_cap, total_volume, observations, coverage_share, origin
)
SELECT
    to_char(d, 'YYYYMMDD')::integer, 1, c.crypto_id, 'usd', d::date, p, p * 1.03, p * 0.97, p * 1.01, p,
    round(p * 1e7), round(p * 1e6), 24,
    CASE WHEN hashtext(c.crypto_id || d::date) % 200 = 0 THEN 0.9583 ELSE 1 END, 'snapshot'
FROM coins AS c
CROSS JOIN generate_series(timestamp '2015-07-01', date_trunc('day', now() AT TIME ZONE 'UTC'), '1 day') AS d
CROSS JOIN LATERAL (
    SELECT round((c.cap / 1e7 * (1 + 0.2 * sin(c.i + extract(epoch FROM d) / 9e6)))::numeric, 8) AS p
) AS x;
SELECT ensure_month_partitions('analytics.fact_crypto_price_hourly', ARRAY(
    SELECT generate_series(timestamptz '2015-07-01 UTC', now(), '1 month')
));
INSERT INTO analytics.fact_crypto_price_hourly (
    date_key, time_key, source_key, crypto_id, vs_currency, hour_start, open_price, high_price, low_price,
    close_price, mean_price, market_cap, total_volume, observations, coverage_share, origin
)
SELECT
    to_char(h, 'YYYYMMDD')::integer, extract(hour FROM h)::integer * 100, 1, c.crypto_id, 'usd', h,
    p, p * 1.003, p * 0.997, p * 1.001, p, round(p * 1e7), round(p * 1e6), 1, 0.0833, 'snapshot'
FROM coins AS c
CROSS JOIN generate_series(
    date_trunc('day', now(), 'UTC') - interval '300 days', date_trunc('hour', now()), '1 hour'
) AS h
CROSS JOIN LATERAL (
    SELECT round((c.cap / 1e7 * (1 + 0.2 * sin(c.i + extract(epoch FROM h) / 9e6)))::numeric, 8) AS p
) AS x
WHERE hashtext(c.crypto_id || h::date) % 200 <> 0 OR extract(hour FROM h) <> 5;
INSERT INTO history_series
SELECT
    crypto_id, 'usd', '2015-07-01', current_date, current_date - 300, true,
    (current_date - 300)::timestamp AT TIME ZONE 'UTC', date_trunc('hour', now())
FROM coins;
INSERT INTO ingestion_batches (
    landing_file, file_sha256, partition_hour, source, vs_currency, ingested_at, status,
    records_fetched, records_loaded, records_duplicate, records_rejected, gold_loaded_at,
    candles_loaded_at
)
SELECT
    'f' || h, repeat('a', 64), h, 'CoinGecko', 'usd', h + interval '10 minutes', 'completed',
    1000, 996, 2, 2, now(), now()
FROM generate_series(timestamptz '2015-07-01 UTC', date_trunc('hour', now()), '1 hour') AS h;
INSERT INTO rejected_records (batch_id, record_index, crypto_id, rules, rule_versions, reason, record)
SELECT batch_id, n, 'coin-' || (900 + n), ARRAY['price_positive'], ARRAY[1]::smallint[], 'zero', '{}'
FROM ingestion_batches, generate_series(0, 1) AS n;
INSERT INTO api_requests (request_id, sent_at, plan, endpoint, http_status, credits)
SELECT gen_random_uuid(), t, 'public', '/coins/markets', 200, 1
FROM generate_series(timestamptz '2015-07-01 UTC', now(), '15 minutes') AS t;
