-- The ten largest coins by market capitalisation, in one currency: the first that has data.
SELECT
    market_cap_rank AS "#",
    symbol,
    name,
    current_price AS price,
    round(price_change_pct_24h, 2) AS "24 h %%",
    round(market_cap / 1e9, 1) AS "cap (bn)",
    to_char(last_updated, 'MM-DD HH24:MI') || CASE WHEN is_stale THEN ' stale' ELSE '' END
        AS "updated (UTC)"
FROM v_latest_prices
WHERE market_cap_rank IS NOT NULL
    AND vs_currency = (
        SELECT vs_currency FROM v_latest_prices
        ORDER BY array_position(%(currencies)s::text[], vs_currency) NULLS LAST, vs_currency
        LIMIT 1
    )
ORDER BY market_cap_rank, crypto_id
LIMIT 10
