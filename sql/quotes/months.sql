-- The months of the good quotes, as partitions.
SELECT ensure_month_partitions(
    'price_quotes',
    ARRAY(
        SELECT DISTINCT date_trunc('month', s.last_updated, 'UTC')
        FROM staged_quotes AS s
        WHERE NOT EXISTS (SELECT FROM broken_items AS b WHERE b.item_index = s.item_index)
    )
)
