-- The items that broke a rule, for the quarantine, with the place of their record in the answer.
SELECT item_index, record_index, source_coin_id, vs_currency, rules, reason
FROM broken_items
ORDER BY item_index
