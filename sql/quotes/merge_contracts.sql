-- The good contracts of the staged answer, with when they were seen; answers how many were new.
WITH good AS (
    SELECT s.* FROM staged_contracts AS s
    WHERE NOT EXISTS (SELECT FROM broken_items AS b WHERE b.item_index = s.item_index)
),
merged AS (
    INSERT INTO quoted_contracts AS c (
        source, source_coin_id, platform, contract_address, first_seen_at, last_seen_at
    )
    SELECT DISTINCT
        %(source)s, source_coin_id, %(platform)s, contract_address, %(ingested_at)s::timestamptz,
        %(ingested_at)s::timestamptz
    FROM good
    ON CONFLICT (source, source_coin_id, platform, contract_address) DO UPDATE SET
        first_seen_at = least(c.first_seen_at, excluded.first_seen_at),
        last_seen_at = greatest(c.last_seen_at, excluded.last_seen_at)
    -- Of a row that is new, nothing has been written before.
    RETURNING xmax = 0 AS is_new
)
SELECT count(*) FILTER (WHERE is_new) FROM merged
