-- The newest prices of the largest coins: a look at whether they are plausible.
SELECT name, current_price
FROM v_latest_prices
WHERE market_cap_rank IS NOT NULL
ORDER BY market_cap_rank, crypto_id, vs_currency
LIMIT 3
