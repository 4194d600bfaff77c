-- The computed rows take the place of those that differ; hours of which nothing is left go. Answers how many
-- rows were written, and how many went.
WITH gone AS (
    SELECT f.crypto_id, f.vs_currency, f.hour_start
    FROM consensus_hours AS h
    JOIN analytics.fact_crypto_price_consensus AS f USING (crypto_id, vs_currency, hour_start)
    WHERE NOT EXISTS (
        SELECT FROM new_consensus AS n
        WHERE (n.crypto_id, n.vs_currency, n.hour_start) = (h.crypto_id, h.vs_currency, h.hour_start)
    )
),
dropped AS (
    SELECT
        count(*) AS hours,
        drop_consensus(array_agg(crypto_id), array_agg(vs_currency), array_agg(hour_start))
    FROM gone
),
merged AS (
    INSERT INTO analytics.fact_crypto_price_consensus AS f (
        date_key, time_key, crypto_id, vs_currency, hour_start, median_price, lowest_price,
        highest_price, spread_share, source_count, source_prices, left_out
    )
    SELECT
        date_key(hour_start), hour_key(hour_start), crypto_id, vs_currency, hour_start, median_price,
        lowest_price, highest_price, round((highest_price - lowest_price) / median_price, 10),
        source_count, source_prices, left_out
    FROM new_consensus
    ORDER BY crypto_id, vs_currency, hour_start
    ON CONFLICT (crypto_id, vs_currency, hour_start) DO UPDATE SET
        median_price = excluded.median_price,
        lowest_price = excluded.lowest_price,
        highest_price = excluded.highest_price,
        spread_share = excluded.spread_share,
        source_count = excluded.source_count,
        source_prices = excluded.source_prices,
        left_out = excluded.left_out,
        load_timestamp = statement_timestamp()
    WHERE (f.source_prices, f.left_out) IS DISTINCT FROM (excluded.source_prices, excluded.left_out)
    RETURNING 1
)
SELECT
    (SELECT count(*) FROM merged) AS rows_written,
    (SELECT hours FROM dropped) AS rows_dropped
