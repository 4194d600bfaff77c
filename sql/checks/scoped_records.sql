-- The silver records of those batches that break a rule of quality.py, as far as a table still shows
-- it, with the names of the rules.
CREATE TEMPORARY TABLE scoped_records ON COMMIT DROP AS
SELECT *
FROM (
SELECT
    h.*,
    -- [[[cog rejected_by(on_file=False) ]]]
    CASE
        WHEN (coalesce(crypto_id, '') <> '') IS NOT FALSE
            AND (coalesce(symbol, '') <> '') IS NOT FALSE
            AND (coalesce(name, '') <> '') IS NOT FALSE
            AND (length(crypto_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200 AND length(image_url) <= 2000 AND length(roi_currency) <= 200) IS NOT FALSE
            AND (current_price IS NOT NULL) IS NOT FALSE
            AND (current_price > 0) IS NOT FALSE
            AND (last_updated IS NOT NULL) IS NOT FALSE
            AND (last_updated >= timestamptz '2009-01-03 00:00:00+00') IS NOT FALSE
            AND (last_updated <= ingested_at + interval '5 minutes') IS NOT FALSE
            AND (least(high_24h, low_24h, ath, atl) >= 0) IS NOT FALSE
            AND (least(market_cap, fully_diluted_valuation, total_volume) >= 0) IS NOT FALSE
            AND (least(circulating_supply, total_supply, max_supply) >= 0) IS NOT FALSE
            AND (least(market_cap_rank, market_cap_rank_with_rehypothecated) > 0) IS NOT FALSE THEN '{}'::text[]
        ELSE array_remove(ARRAY[
            CASE WHEN NOT (coalesce(crypto_id, '') <> '') THEN 'id_present' END,
            CASE WHEN NOT (coalesce(symbol, '') <> '') THEN 'symbol_present' END,
            CASE WHEN NOT (coalesce(name, '') <> '') THEN 'name_present' END,
            CASE WHEN NOT (length(crypto_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200 AND length(image_url) <= 2000 AND length(roi_currency) <= 200) THEN 'texts_short' END,
            CASE WHEN NOT (current_price IS NOT NULL) THEN 'price_present' END,
            CASE WHEN NOT (current_price > 0) THEN 'price_positive' END,
            CASE WHEN NOT (last_updated IS NOT NULL) THEN 'last_updated_present' END,
            CASE WHEN NOT (last_updated >= timestamptz '2009-01-03 00:00:00+00') THEN 'last_updated_plausible' END,
            CASE WHEN NOT (last_updated <= ingested_at + interval '5 minutes') THEN 'last_updated_not_in_future' END,
            CASE WHEN NOT (least(high_24h, low_24h, ath, atl) >= 0) THEN 'prices_not_negative' END,
            CASE WHEN NOT (least(market_cap, fully_diluted_valuation, total_volume) >= 0) THEN 'market_values_not_negative' END,
            CASE WHEN NOT (least(circulating_supply, total_supply, max_supply) >= 0) THEN 'supplies_not_negative' END,
            CASE WHEN NOT (least(market_cap_rank, market_cap_rank_with_rehypothecated) > 0) THEN 'rank_positive' END
        ]::text[], NULL)
    END
    -- [[[end]]]
    AS rejected_by,
    -- [[[cog warned_by(on_file=False) ]]]
    CASE
        WHEN (current_price <= high_24h) IS NOT FALSE
            AND (current_price >= low_24h) IS NOT FALSE
            AND (circulating_supply <= total_supply) IS NOT FALSE
            AND (total_supply <= max_supply) IS NOT FALSE
            AND (last_updated >= ingested_at - interval '24 hours') IS NOT FALSE
            AND (market_cap_rank IS NOT NULL) IS NOT FALSE THEN '{}'::text[]
        ELSE array_remove(ARRAY[
            CASE WHEN NOT (current_price <= high_24h) THEN 'price_within_24h_high' END,
            CASE WHEN NOT (current_price >= low_24h) THEN 'price_within_24h_low' END,
            CASE WHEN NOT (circulating_supply <= total_supply) THEN 'circulating_within_total' END,
            CASE WHEN NOT (total_supply <= max_supply) THEN 'total_within_max' END,
            CASE WHEN NOT (last_updated >= ingested_at - interval '24 hours') THEN 'last_updated_fresh' END,
            CASE WHEN NOT (market_cap_rank IS NOT NULL) THEN 'rank_present' END
        ]::text[], NULL)
    END
    -- [[[end]]]
    AS warned_by
FROM (
    SELECT p.*, c.image_url
    FROM pruned_price_history AS p
    LEFT JOIN cryptocurrencies AS c USING (crypto_id)
) AS h
WHERE h.batch_id = ANY (ARRAY(SELECT batch_id FROM scoped_batches))
) AS evaluated
WHERE rejected_by <> '{}' OR warned_by <> '{}';

ANALYZE scoped_records;
