-- The newest prices of the largest coins in one currency: a look at whether they are plausible.
SELECT name, current_price
FROM v_latest_prices
WHERE market_cap_rank IS NOT NULL AND vs_currency = %(currency)s
ORDER BY market_cap_rank, crypto_id
LIMIT 3
