-- The decoded records with the rules of quality.py that each breaks: names of the broken reject rules,
-- the reason in words, names of the broken warn rules.
-- Numbers are compared by their keys (crypto_pipeline/lakehouse/spark/exact.py).
SELECT
    r.*,
    -- The nearest multiple of five minutes since midnight UTC, a tie upwards, in whole microseconds:
    -- round_to_snapshot_interval of the warehouse. No last_updated before 2009 passes the rules.
    timestamp_micros(
        unix_micros(last_updated) + 150000000 - (unix_micros(last_updated) + 150000000) % 300000000
    ) AS snapshot_time,
    -- [[[cog spark.rejected_by() ]]]
    array_compact(array(
        CASE WHEN NOT (malformed IS NULL) THEN 'record_well_formed' END,
        CASE WHEN NOT (COALESCE(crypto_id, '') <> '') THEN 'id_present' END,
        CASE WHEN NOT (COALESCE(symbol, '') <> '') THEN 'symbol_present' END,
        CASE WHEN NOT (COALESCE(name, '') <> '') THEN 'name_present' END,
        CASE WHEN NOT (LENGTH(crypto_id) <= 200 AND LENGTH(symbol) <= 200 AND LENGTH(name) <= 200 AND LENGTH(image_url) <= 2000 AND LENGTH(roi_currency) <= 200) THEN 'texts_short' END,
        CASE WHEN NOT (current_price_order IS NOT NULL) THEN 'price_present' END,
        CASE WHEN NOT (current_price_order > '10000.') THEN 'price_positive' END,
        CASE WHEN NOT (last_updated IS NOT NULL) THEN 'last_updated_present' END,
        CASE WHEN NOT (last_updated >= CAST('2009-01-03 00:00:00+00' AS TIMESTAMP)) THEN 'last_updated_plausible' END,
        CASE WHEN NOT (last_updated <= ingested_at + INTERVAL '5' MINUTES) THEN 'last_updated_not_in_future' END,
        CASE WHEN NOT (LEAST(high_24h_order, low_24h_order, ath_order, atl_order) >= '10000.') THEN 'prices_not_negative' END,
        CASE WHEN NOT (LEAST(market_cap_order, fully_diluted_valuation_order, total_volume_order) >= '10000.') THEN 'market_values_not_negative' END,
        CASE WHEN NOT (LEAST(circulating_supply_order, total_supply_order, max_supply_order) >= '10000.') THEN 'supplies_not_negative' END,
        CASE WHEN NOT (LEAST(market_cap_rank, market_cap_rank_with_rehypothecated) > 0) THEN 'rank_positive' END
    ))
    -- [[[end]]]
    AS rejected_by,
    -- [[[cog spark.reason() ]]]
    array_join(array_compact(array(
        CASE WHEN NOT (malformed IS NULL) THEN concat('fields that are not of the documented JSON type, or not storable (', 'malformed = ', coalesce(left(malformed, 1000), 'null'), ')') END,
        CASE WHEN NOT (COALESCE(crypto_id, '') <> '') THEN concat('no id (', 'crypto_id = ', coalesce(left(crypto_id, 1000), 'null'), ')') END,
        CASE WHEN NOT (COALESCE(symbol, '') <> '') THEN concat('no symbol (', 'symbol = ', coalesce(left(symbol, 1000), 'null'), ')') END,
        CASE WHEN NOT (COALESCE(name, '') <> '') THEN concat('no name (', 'name = ', coalesce(left(name, 1000), 'null'), ')') END,
        CASE WHEN NOT (LENGTH(crypto_id) <= 200 AND LENGTH(symbol) <= 200 AND LENGTH(name) <= 200 AND LENGTH(image_url) <= 2000 AND LENGTH(roi_currency) <= 200) THEN concat('a text is too long to be stored (', 'crypto_id = ', coalesce(left(crypto_id, 1000), 'null'), ', ', 'symbol = ', coalesce(left(symbol, 1000), 'null'), ', ', 'name = ', coalesce(left(name, 1000), 'null'), ', ', 'image_url = ', coalesce(left(image_url, 1000), 'null'), ', ', 'roi_currency = ', coalesce(left(roi_currency, 1000), 'null'), ')') END,
        CASE WHEN NOT (current_price_order IS NOT NULL) THEN concat('no price (', 'current_price = ', coalesce(current_price_text, 'null'), ')') END,
        CASE WHEN NOT (current_price_order > '10000.') THEN concat('price is not above 0 (', 'current_price = ', coalesce(current_price_text, 'null'), ')') END,
        CASE WHEN NOT (last_updated IS NOT NULL) THEN concat('no last_updated (', 'last_updated = ', coalesce(concat(CAST(last_updated AS STRING), '+00'), 'null'), ')') END,
        CASE WHEN NOT (last_updated >= CAST('2009-01-03 00:00:00+00' AS TIMESTAMP)) THEN concat('last_updated lies before the first cryptocurrency (', 'last_updated = ', coalesce(concat(CAST(last_updated AS STRING), '+00'), 'null'), ')') END,
        CASE WHEN NOT (last_updated <= ingested_at + INTERVAL '5' MINUTES) THEN concat('last_updated lies after the fetch (', 'last_updated = ', coalesce(concat(CAST(last_updated AS STRING), '+00'), 'null'), ', ', 'ingested_at = ', coalesce(concat(CAST(ingested_at AS STRING), '+00'), 'null'), ')') END,
        CASE WHEN NOT (LEAST(high_24h_order, low_24h_order, ath_order, atl_order) >= '10000.') THEN concat('a high or low price is negative (', 'high_24h = ', coalesce(high_24h_text, 'null'), ', ', 'low_24h = ', coalesce(low_24h_text, 'null'), ', ', 'ath = ', coalesce(ath_text, 'null'), ', ', 'atl = ', coalesce(atl_text, 'null'), ')') END,
        CASE WHEN NOT (LEAST(market_cap_order, fully_diluted_valuation_order, total_volume_order) >= '10000.') THEN concat('market cap, valuation or volume is negative (', 'market_cap = ', coalesce(market_cap_text, 'null'), ', ', 'fully_diluted_valuation = ', coalesce(fully_diluted_valuation_text, 'null'), ', ', 'total_volume = ', coalesce(total_volume_text, 'null'), ')') END,
        CASE WHEN NOT (LEAST(circulating_supply_order, total_supply_order, max_supply_order) >= '10000.') THEN concat('a supply is negative (', 'circulating_supply = ', coalesce(circulating_supply_text, 'null'), ', ', 'total_supply = ', coalesce(total_supply_text, 'null'), ', ', 'max_supply = ', coalesce(max_supply_text, 'null'), ')') END,
        CASE WHEN NOT (LEAST(market_cap_rank, market_cap_rank_with_rehypothecated) > 0) THEN concat('rank is not above 0 (', 'market_cap_rank = ', coalesce(CAST(market_cap_rank AS STRING), 'null'), ', ', 'market_cap_rank_with_rehypothecated = ', coalesce(CAST(market_cap_rank_with_rehypothecated AS STRING), 'null'), ')') END
    )), '; ')
    -- [[[end]]]
    AS reason,
    -- [[[cog spark.warned_by() ]]]
    array_compact(array(
        CASE WHEN NOT (current_price_order <= high_24h_order) THEN 'price_within_24h_high' END,
        CASE WHEN NOT (current_price_order >= low_24h_order) THEN 'price_within_24h_low' END,
        CASE WHEN NOT (circulating_supply_order <= total_supply_order) THEN 'circulating_within_total' END,
        CASE WHEN NOT (total_supply_order <= max_supply_order) THEN 'total_within_max' END,
        CASE WHEN NOT (last_updated >= ingested_at - INTERVAL '24' HOURS) THEN 'last_updated_fresh' END,
        CASE WHEN NOT (market_cap_rank IS NOT NULL) THEN 'rank_present' END,
        CASE WHEN NOT (market_cap_rank - 1 <= LAG(market_cap_rank) OVER (PARTITION BY file_id ORDER BY market_cap_rank NULLS LAST)) THEN 'rank_follows' END,
        CASE WHEN NOT (crypto_id = FIRST_VALUE(crypto_id) OVER (PARTITION BY file_id, symbol ORDER BY record_index NULLS LAST)) THEN 'symbol_unique_in_response' END,
        CASE WHEN NOT (unknown_fields IS NULL) THEN 'fields_known' END,
        CASE WHEN NOT (missing_fields IS NULL) THEN 'fields_complete' END
    ))
    -- [[[end]]]
    AS warned_by
FROM (
    SELECT landing_file AS file_id, landing_file, vs_currency, ingested_at, record.*
    FROM (
        SELECT landing_file, vs_currency, ingested_at, explode(records) AS record
        FROM {captures}
    ) AS exploded
) AS r
