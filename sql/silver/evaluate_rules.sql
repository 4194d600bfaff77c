-- Which rules of quality.py the staged records break, in the files from %(first_file)s on. A rule that
-- compares the records of a response sorts them: separately, with the few columns it needs.
INSERT INTO violations (
    file_id, record_index, crypto_id, unknown_fields, missing_fields,
    rejected_by, at_fault, reason, warned_by
)
WITH by_itself AS (
    SELECT
        file_id,
        record_index,
        crypto_id,
        unknown_fields,
        missing_fields,
        -- [[[cog rejected_by() ]]]
        CASE
            WHEN (malformed IS NULL) IS NOT FALSE
                AND (coalesce(crypto_id, '') <> '') IS NOT FALSE
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
                CASE WHEN NOT (malformed IS NULL) THEN 'record_well_formed' END,
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
        -- [[[cog at_fault() ]]]
        CASE
            WHEN (malformed IS NULL) IS NOT FALSE
                AND (coalesce(crypto_id, '') <> '') IS NOT FALSE
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
                CASE WHEN NOT (malformed IS NULL) THEN malformed END,
                CASE WHEN NOT (coalesce(crypto_id, '') <> '') THEN 'crypto_id' END,
                CASE WHEN NOT (coalesce(symbol, '') <> '') THEN 'symbol' END,
                CASE WHEN NOT (coalesce(name, '') <> '') THEN 'name' END,
                CASE WHEN NOT (length(crypto_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200 AND length(image_url) <= 2000 AND length(roi_currency) <= 200) THEN coalesce(nullif(concat_ws(',', CASE WHEN (SELECT NOT (length(crypto_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200 AND length(image_url) <= 2000 AND length(roi_currency) <= 200) FROM (SELECT crypto_id, CASE WHEN false THEN symbol END AS symbol, CASE WHEN false THEN name END AS name, CASE WHEN false THEN image_url END AS image_url, CASE WHEN false THEN roi_currency END AS roi_currency) AS alone) THEN 'crypto_id' END, CASE WHEN (SELECT NOT (length(crypto_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200 AND length(image_url) <= 2000 AND length(roi_currency) <= 200) FROM (SELECT CASE WHEN false THEN crypto_id END AS crypto_id, symbol, CASE WHEN false THEN name END AS name, CASE WHEN false THEN image_url END AS image_url, CASE WHEN false THEN roi_currency END AS roi_currency) AS alone) THEN 'symbol' END, CASE WHEN (SELECT NOT (length(crypto_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200 AND length(image_url) <= 2000 AND length(roi_currency) <= 200) FROM (SELECT CASE WHEN false THEN crypto_id END AS crypto_id, CASE WHEN false THEN symbol END AS symbol, name, CASE WHEN false THEN image_url END AS image_url, CASE WHEN false THEN roi_currency END AS roi_currency) AS alone) THEN 'name' END, CASE WHEN (SELECT NOT (length(crypto_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200 AND length(image_url) <= 2000 AND length(roi_currency) <= 200) FROM (SELECT CASE WHEN false THEN crypto_id END AS crypto_id, CASE WHEN false THEN symbol END AS symbol, CASE WHEN false THEN name END AS name, image_url, CASE WHEN false THEN roi_currency END AS roi_currency) AS alone) THEN 'image_url' END, CASE WHEN (SELECT NOT (length(crypto_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200 AND length(image_url) <= 2000 AND length(roi_currency) <= 200) FROM (SELECT CASE WHEN false THEN crypto_id END AS crypto_id, CASE WHEN false THEN symbol END AS symbol, CASE WHEN false THEN name END AS name, CASE WHEN false THEN image_url END AS image_url, roi_currency) AS alone) THEN 'roi_currency' END), ''), 'crypto_id') END,
                CASE WHEN NOT (current_price IS NOT NULL) THEN 'current_price' END,
                CASE WHEN NOT (current_price > 0) THEN 'current_price' END,
                CASE WHEN NOT (last_updated IS NOT NULL) THEN 'last_updated' END,
                CASE WHEN NOT (last_updated >= timestamptz '2009-01-03 00:00:00+00') THEN 'last_updated' END,
                CASE WHEN NOT (last_updated <= ingested_at + interval '5 minutes') THEN coalesce(nullif(concat_ws(',', CASE WHEN (SELECT NOT (last_updated <= ingested_at + interval '5 minutes') FROM (SELECT last_updated, CASE WHEN false THEN ingested_at END AS ingested_at) AS alone) THEN 'last_updated' END, CASE WHEN (SELECT NOT (last_updated <= ingested_at + interval '5 minutes') FROM (SELECT CASE WHEN false THEN last_updated END AS last_updated, ingested_at) AS alone) THEN 'ingested_at' END), ''), 'last_updated') END,
                CASE WHEN NOT (least(high_24h, low_24h, ath, atl) >= 0) THEN coalesce(nullif(concat_ws(',', CASE WHEN (SELECT NOT (least(high_24h, low_24h, ath, atl) >= 0) FROM (SELECT high_24h, CASE WHEN false THEN low_24h END AS low_24h, CASE WHEN false THEN ath END AS ath, CASE WHEN false THEN atl END AS atl) AS alone) THEN 'high_24h' END, CASE WHEN (SELECT NOT (least(high_24h, low_24h, ath, atl) >= 0) FROM (SELECT CASE WHEN false THEN high_24h END AS high_24h, low_24h, CASE WHEN false THEN ath END AS ath, CASE WHEN false THEN atl END AS atl) AS alone) THEN 'low_24h' END, CASE WHEN (SELECT NOT (least(high_24h, low_24h, ath, atl) >= 0) FROM (SELECT CASE WHEN false THEN high_24h END AS high_24h, CASE WHEN false THEN low_24h END AS low_24h, ath, CASE WHEN false THEN atl END AS atl) AS alone) THEN 'ath' END, CASE WHEN (SELECT NOT (least(high_24h, low_24h, ath, atl) >= 0) FROM (SELECT CASE WHEN false THEN high_24h END AS high_24h, CASE WHEN false THEN low_24h END AS low_24h, CASE WHEN false THEN ath END AS ath, atl) AS alone) THEN 'atl' END), ''), 'high_24h') END,
                CASE WHEN NOT (least(market_cap, fully_diluted_valuation, total_volume) >= 0) THEN coalesce(nullif(concat_ws(',', CASE WHEN (SELECT NOT (least(market_cap, fully_diluted_valuation, total_volume) >= 0) FROM (SELECT market_cap, CASE WHEN false THEN fully_diluted_valuation END AS fully_diluted_valuation, CASE WHEN false THEN total_volume END AS total_volume) AS alone) THEN 'market_cap' END, CASE WHEN (SELECT NOT (least(market_cap, fully_diluted_valuation, total_volume) >= 0) FROM (SELECT CASE WHEN false THEN market_cap END AS market_cap, fully_diluted_valuation, CASE WHEN false THEN total_volume END AS total_volume) AS alone) THEN 'fully_diluted_valuation' END, CASE WHEN (SELECT NOT (least(market_cap, fully_diluted_valuation, total_volume) >= 0) FROM (SELECT CASE WHEN false THEN market_cap END AS market_cap, CASE WHEN false THEN fully_diluted_valuation END AS fully_diluted_valuation, total_volume) AS alone) THEN 'total_volume' END), ''), 'market_cap') END,
                CASE WHEN NOT (least(circulating_supply, total_supply, max_supply) >= 0) THEN coalesce(nullif(concat_ws(',', CASE WHEN (SELECT NOT (least(circulating_supply, total_supply, max_supply) >= 0) FROM (SELECT circulating_supply, CASE WHEN false THEN total_supply END AS total_supply, CASE WHEN false THEN max_supply END AS max_supply) AS alone) THEN 'circulating_supply' END, CASE WHEN (SELECT NOT (least(circulating_supply, total_supply, max_supply) >= 0) FROM (SELECT CASE WHEN false THEN circulating_supply END AS circulating_supply, total_supply, CASE WHEN false THEN max_supply END AS max_supply) AS alone) THEN 'total_supply' END, CASE WHEN (SELECT NOT (least(circulating_supply, total_supply, max_supply) >= 0) FROM (SELECT CASE WHEN false THEN circulating_supply END AS circulating_supply, CASE WHEN false THEN total_supply END AS total_supply, max_supply) AS alone) THEN 'max_supply' END), ''), 'circulating_supply') END,
                CASE WHEN NOT (least(market_cap_rank, market_cap_rank_with_rehypothecated) > 0) THEN coalesce(nullif(concat_ws(',', CASE WHEN (SELECT NOT (least(market_cap_rank, market_cap_rank_with_rehypothecated) > 0) FROM (SELECT market_cap_rank, CASE WHEN false THEN market_cap_rank_with_rehypothecated END AS market_cap_rank_with_rehypothecated) AS alone) THEN 'market_cap_rank' END, CASE WHEN (SELECT NOT (least(market_cap_rank, market_cap_rank_with_rehypothecated) > 0) FROM (SELECT CASE WHEN false THEN market_cap_rank END AS market_cap_rank, market_cap_rank_with_rehypothecated) AS alone) THEN 'market_cap_rank_with_rehypothecated' END), ''), 'market_cap_rank') END
            ]::text[], NULL)
        END
        -- [[[end]]]
        AS at_fault,
        -- [[[cog reason() ]]]
        CASE
            WHEN (malformed IS NULL) IS NOT FALSE
                AND (coalesce(crypto_id, '') <> '') IS NOT FALSE
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
                AND (least(market_cap_rank, market_cap_rank_with_rehypothecated) > 0) IS NOT FALSE THEN ''
            ELSE array_to_string(array_remove(ARRAY[
                CASE WHEN NOT (malformed IS NULL) THEN 'fields that are not of the documented JSON type, or not storable (' || 'malformed = ' || coalesce(left(malformed, 1000), 'null') || ')' END,
                CASE WHEN NOT (coalesce(crypto_id, '') <> '') THEN 'no id (' || 'crypto_id = ' || coalesce(left(crypto_id, 1000), 'null') || ')' END,
                CASE WHEN NOT (coalesce(symbol, '') <> '') THEN 'no symbol (' || 'symbol = ' || coalesce(left(symbol, 1000), 'null') || ')' END,
                CASE WHEN NOT (coalesce(name, '') <> '') THEN 'no name (' || 'name = ' || coalesce(left(name, 1000), 'null') || ')' END,
                CASE WHEN NOT (length(crypto_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200 AND length(image_url) <= 2000 AND length(roi_currency) <= 200) THEN 'a text is too long to be stored (' || 'crypto_id = ' || coalesce(left(crypto_id, 1000), 'null') || ', ' || 'symbol = ' || coalesce(left(symbol, 1000), 'null') || ', ' || 'name = ' || coalesce(left(name, 1000), 'null') || ', ' || 'image_url = ' || coalesce(left(image_url, 1000), 'null') || ', ' || 'roi_currency = ' || coalesce(left(roi_currency, 1000), 'null') || ')' END,
                CASE WHEN NOT (current_price IS NOT NULL) THEN 'no price (' || 'current_price = ' || coalesce(current_price::text, 'null') || ')' END,
                CASE WHEN NOT (current_price > 0) THEN 'price is not above 0 (' || 'current_price = ' || coalesce(current_price::text, 'null') || ')' END,
                CASE WHEN NOT (last_updated IS NOT NULL) THEN 'no last_updated (' || 'last_updated = ' || coalesce(last_updated::text, 'null') || ')' END,
                CASE WHEN NOT (last_updated >= timestamptz '2009-01-03 00:00:00+00') THEN 'last_updated lies before the first cryptocurrency (' || 'last_updated = ' || coalesce(last_updated::text, 'null') || ')' END,
                CASE WHEN NOT (last_updated <= ingested_at + interval '5 minutes') THEN 'last_updated lies after the fetch (' || 'last_updated = ' || coalesce(last_updated::text, 'null') || ', ' || 'ingested_at = ' || coalesce(ingested_at::text, 'null') || ')' END,
                CASE WHEN NOT (least(high_24h, low_24h, ath, atl) >= 0) THEN 'a high or low price is negative (' || 'high_24h = ' || coalesce(high_24h::text, 'null') || ', ' || 'low_24h = ' || coalesce(low_24h::text, 'null') || ', ' || 'ath = ' || coalesce(ath::text, 'null') || ', ' || 'atl = ' || coalesce(atl::text, 'null') || ')' END,
                CASE WHEN NOT (least(market_cap, fully_diluted_valuation, total_volume) >= 0) THEN 'market cap, valuation or volume is negative (' || 'market_cap = ' || coalesce(market_cap::text, 'null') || ', ' || 'fully_diluted_valuation = ' || coalesce(fully_diluted_valuation::text, 'null') || ', ' || 'total_volume = ' || coalesce(total_volume::text, 'null') || ')' END,
                CASE WHEN NOT (least(circulating_supply, total_supply, max_supply) >= 0) THEN 'a supply is negative (' || 'circulating_supply = ' || coalesce(circulating_supply::text, 'null') || ', ' || 'total_supply = ' || coalesce(total_supply::text, 'null') || ', ' || 'max_supply = ' || coalesce(max_supply::text, 'null') || ')' END,
                CASE WHEN NOT (least(market_cap_rank, market_cap_rank_with_rehypothecated) > 0) THEN 'rank is not above 0 (' || 'market_cap_rank = ' || coalesce(market_cap_rank::text, 'null') || ', ' || 'market_cap_rank_with_rehypothecated = ' || coalesce(market_cap_rank_with_rehypothecated::text, 'null') || ')' END
            ]::text[], NULL), '; ')
        END
        -- [[[end]]]
        AS reason,
        -- [[[cog warned_by(on_response=False) ]]]
        CASE
            WHEN (current_price <= high_24h) IS NOT FALSE
                AND (current_price >= low_24h) IS NOT FALSE
                AND (circulating_supply <= total_supply) IS NOT FALSE
                AND (total_supply <= max_supply) IS NOT FALSE
                AND (last_updated >= ingested_at - interval '24 hours') IS NOT FALSE
                AND (market_cap_rank IS NOT NULL) IS NOT FALSE
                AND (unknown_fields IS NULL) IS NOT FALSE
                AND (missing_fields IS NULL) IS NOT FALSE THEN '{}'::text[]
            ELSE array_remove(ARRAY[
                CASE WHEN NOT (current_price <= high_24h) THEN 'price_within_24h_high' END,
                CASE WHEN NOT (current_price >= low_24h) THEN 'price_within_24h_low' END,
                CASE WHEN NOT (circulating_supply <= total_supply) THEN 'circulating_within_total' END,
                CASE WHEN NOT (total_supply <= max_supply) THEN 'total_within_max' END,
                CASE WHEN NOT (last_updated >= ingested_at - interval '24 hours') THEN 'last_updated_fresh' END,
                CASE WHEN NOT (market_cap_rank IS NOT NULL) THEN 'rank_present' END,
                CASE WHEN NOT (unknown_fields IS NULL) THEN 'fields_known' END,
                CASE WHEN NOT (missing_fields IS NULL) THEN 'fields_complete' END
            ]::text[], NULL)
        END
        -- [[[end]]]
        AS warned_by
    FROM (
        SELECT r.*, f.vs_currency, f.ingested_at
        FROM staged_records AS r
        JOIN staged_files AS f USING (file_id)
        WHERE r.file_id >= %(first_file)s
    ) AS r
),
in_response AS (
    SELECT
        file_id,
        record_index,
        -- [[[cog warned_by(on_response=True) ]]]
        CASE
            WHEN (market_cap_rank - 1 <= lag(market_cap_rank) OVER (PARTITION BY file_id ORDER BY market_cap_rank)) IS NOT FALSE
                AND (crypto_id = first_value(crypto_id) OVER (PARTITION BY file_id, symbol ORDER BY record_index)) IS NOT FALSE THEN '{}'::text[]
            ELSE array_remove(ARRAY[
                CASE WHEN NOT (market_cap_rank - 1 <= lag(market_cap_rank) OVER (PARTITION BY file_id ORDER BY market_cap_rank)) THEN 'rank_follows' END,
                CASE WHEN NOT (crypto_id = first_value(crypto_id) OVER (PARTITION BY file_id, symbol ORDER BY record_index)) THEN 'symbol_unique_in_response' END
            ]::text[], NULL)
        END
        -- [[[end]]]
        AS warned_by
    FROM (
        SELECT file_id, record_index, crypto_id, symbol, market_cap_rank
        FROM staged_records
        WHERE file_id >= %(first_file)s
    ) AS r
)
SELECT
    file_id,
    record_index,
    i.crypto_id,
    i.unknown_fields,
    i.missing_fields,
    coalesce(i.rejected_by, '{}'),
    coalesce(i.at_fault, '{}'),
    coalesce(i.reason, ''),
    coalesce(i.warned_by, '{}') || coalesce(r.warned_by, '{}')
FROM (SELECT * FROM by_itself WHERE rejected_by <> '{}' OR warned_by <> '{}') AS i
FULL JOIN (SELECT * FROM in_response WHERE warned_by <> '{}') AS r USING (file_id, record_index)
