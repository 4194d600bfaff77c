-- The good quotes of the staged answer: each coin as the newest answer describes it, and each quote that is
-- not there yet. Answers how many quotes were new.
WITH good AS (
    SELECT s.* FROM staged_quotes AS s
    WHERE NOT EXISTS (SELECT FROM broken_items AS b WHERE b.item_index = s.item_index)
),
coins AS (
    INSERT INTO quoted_coins AS c (
        source, source_coin_id, symbol, name, coin_rank, first_seen_at, last_seen_at
    )
    SELECT DISTINCT ON (source_coin_id)
        %(source)s, source_coin_id, symbol, name, coin_rank, %(ingested_at)s::timestamptz,
        %(ingested_at)s::timestamptz
    FROM good
    ORDER BY source_coin_id, item_index
    ON CONFLICT (source, source_coin_id) DO UPDATE SET
        symbol = CASE WHEN excluded.last_seen_at >= c.last_seen_at THEN excluded.symbol ELSE c.symbol END,
        name = CASE WHEN excluded.last_seen_at >= c.last_seen_at THEN excluded.name ELSE c.name END,
        coin_rank = CASE
            WHEN excluded.last_seen_at >= c.last_seen_at THEN excluded.coin_rank ELSE c.coin_rank
        END,
        first_seen_at = least(c.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(c.last_seen_at, excluded.last_seen_at)
),
quotes AS (
    INSERT INTO price_quotes (
        source, source_coin_id, vs_currency, last_updated, price, market_cap, total_volume,
        quote_batch_id, item_index
    )
    SELECT
        %(source)s, source_coin_id, vs_currency, last_updated, price,
        -- A coin with a price is worth something: 0 stands for unknown.
        nullif(market_cap, 0), total_volume, %(quote_batch_id)s, item_index
    FROM good
    ORDER BY source_coin_id, vs_currency, last_updated, item_index
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM quotes
