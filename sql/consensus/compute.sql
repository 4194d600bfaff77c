-- The rows of the consensus of the changed hours. A source's price of an hour is the mean of those that it
-- said in it. Where three sources or more have one, and most of them are within the tolerance of their
-- median, the others are left out; where they fall into camps, none is, and the spread shows it.
CREATE TEMPORARY TABLE new_consensus ON COMMIT DROP AS
WITH hours AS (
    -- An hour in which none of the coin's sources was asked has no row: a mapping was taken back.
    SELECT h.* FROM consensus_hours AS h
    WHERE EXISTS (
        SELECT FROM asked_hours AS a JOIN mapped_coins AS m USING (source)
        WHERE m.crypto_id = h.crypto_id
            AND (a.vs_currency, a.hour_start) = (h.vs_currency, h.hour_start)
    )
),
said AS (
    SELECT
        h.crypto_id, h.vs_currency, h.hour_start,
        -- Where there is no candle, what CoinGecko's label would be here.
        coalesce(s.source_name, 'CoinGecko' || coalesce(' ' || nullif(o.kind, 'live'), '')) AS source,
        NULL AS source_coin_id,
        f.mean_price AS price
    FROM hours AS h
    LEFT JOIN data_origin AS o ON true
    LEFT JOIN analytics.fact_crypto_price_hourly AS f USING (crypto_id, vs_currency, hour_start)
    LEFT JOIN analytics.dim_source AS s USING (source_key)
    UNION ALL
    SELECT h.crypto_id, h.vs_currency, h.hour_start, m.source, m.source_coin_id, q.price
    FROM hours AS h
    JOIN mapped_coins AS m USING (crypto_id)
    LEFT JOIN LATERAL (
        SELECT mean_price(sum(q.price), count(*)) AS price
        FROM price_quotes AS q
        WHERE q.source = m.source AND q.source_coin_id = m.source_coin_id
            AND q.vs_currency = h.vs_currency
            AND q.last_updated >= h.hour_start AND q.last_updated < h.hour_start + interval '1 hour'
        HAVING count(*) > 0
    ) AS q ON true
),
medians AS (
    SELECT
        crypto_id, vs_currency, hour_start, count(*) AS prices,
        median_of_sorted(array_agg(price ORDER BY price)) AS median
    FROM said WHERE price IS NOT NULL
    GROUP BY crypto_id, vs_currency, hour_start
),
parted AS (
    SELECT
        s.*, m.median, m.prices,
        abs(s.price - m.median) > consensus_tolerance() * m.median AS is_far
    FROM said AS s JOIN medians AS m USING (crypto_id, vs_currency, hour_start)
),
judged AS (
    SELECT
        p.*,
        price IS NOT NULL AND NOT (
            is_far AND prices > 2
            AND 2 * count(*) FILTER (WHERE NOT is_far) OVER of_hour > prices
        ) AS counts
    FROM parted AS p
    WINDOW of_hour AS (PARTITION BY crypto_id, vs_currency, hour_start)
),
explained AS (
    SELECT
        j.*,
        CASE
            WHEN counts THEN NULL
            WHEN price IS NOT NULL THEN format(
                '%s %% from the median of %s sources',
                round(100 * abs(price - median) / median, 2), prices
            )
            ELSE coalesce('rejected: ' || r.rules, 'no price in the hour')
        END AS reason
    FROM judged AS j
    LEFT JOIN LATERAL (
        SELECT string_agg(DISTINCT t.rule, ', ' ORDER BY t.rule) AS rules
        FROM quote_batches AS b
        JOIN rejected_quotes AS r USING (quote_batch_id)
        CROSS JOIN unnest(r.rules) AS t (rule)
        WHERE j.price IS NULL AND b.source = j.source AND b.status = 'completed'
            AND b.ingested_at >= j.hour_start AND b.ingested_at < j.hour_start + interval '1 hour'
            AND r.source_coin_id = j.source_coin_id AND r.vs_currency = j.vs_currency
    ) AS r ON true
)
SELECT
    crypto_id, vs_currency, hour_start,
    median_of_sorted(array_agg(price ORDER BY price) FILTER (WHERE counts)) AS median_price,
    min(price) FILTER (WHERE counts) AS lowest_price,
    max(price) FILTER (WHERE counts) AS highest_price,
    (count(*) FILTER (WHERE counts))::smallint AS source_count,
    jsonb_object_agg(source, price) FILTER (WHERE price IS NOT NULL) AS source_prices,
    coalesce(jsonb_object_agg(source, reason) FILTER (WHERE reason IS NOT NULL), '{}') AS left_out
FROM explained
GROUP BY crypto_id, vs_currency, hour_start
