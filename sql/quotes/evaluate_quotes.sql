-- Which rules of quality.py the staged quotes break.
INSERT INTO broken_items
SELECT item_index, record_index, source_coin_id, vs_currency, rejected_by, reason
FROM (
    SELECT
        quote.*,
        -- [[[cog quotes_rejected_by() ]]]
        CASE
            WHEN (malformed IS NULL) IS NOT FALSE
                AND (coalesce(source_coin_id, '') <> '') IS NOT FALSE
                AND (coalesce(symbol, '') <> '') IS NOT FALSE
                AND (coalesce(name, '') <> '') IS NOT FALSE
                AND (length(source_coin_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200) IS NOT FALSE
                AND (vs_currency <> '') IS NOT FALSE
                AND (last_updated IS NOT NULL) IS NOT FALSE
                AND (last_updated >= timestamptz '2009-01-03 00:00:00+00') IS NOT FALSE
                AND (last_updated <= ingested_at + interval '5 minutes') IS NOT FALSE
                AND (price IS NOT NULL) IS NOT FALSE
                AND (price > 0) IS NOT FALSE
                AND (least(market_cap, total_volume) >= 0) IS NOT FALSE THEN '{}'::text[]
            ELSE array_remove(ARRAY[
                CASE WHEN NOT (malformed IS NULL) THEN 'quote_well_formed' END,
                CASE WHEN NOT (coalesce(source_coin_id, '') <> '') THEN 'id_present' END,
                CASE WHEN NOT (coalesce(symbol, '') <> '') THEN 'symbol_present' END,
                CASE WHEN NOT (coalesce(name, '') <> '') THEN 'name_present' END,
                CASE WHEN NOT (length(source_coin_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200) THEN 'texts_short' END,
                CASE WHEN NOT (vs_currency <> '') THEN 'currency_present' END,
                CASE WHEN NOT (last_updated IS NOT NULL) THEN 'last_updated_present' END,
                CASE WHEN NOT (last_updated >= timestamptz '2009-01-03 00:00:00+00') THEN 'last_updated_plausible' END,
                CASE WHEN NOT (last_updated <= ingested_at + interval '5 minutes') THEN 'last_updated_not_in_future' END,
                CASE WHEN NOT (price IS NOT NULL) THEN 'price_present' END,
                CASE WHEN NOT (price > 0) THEN 'price_positive' END,
                CASE WHEN NOT (least(market_cap, total_volume) >= 0) THEN 'market_values_not_negative' END
            ]::text[], NULL)
        END
        -- [[[end]]]
        AS rejected_by,
        -- [[[cog quotes_reason() ]]]
        CASE
            WHEN (malformed IS NULL) IS NOT FALSE
                AND (coalesce(source_coin_id, '') <> '') IS NOT FALSE
                AND (coalesce(symbol, '') <> '') IS NOT FALSE
                AND (coalesce(name, '') <> '') IS NOT FALSE
                AND (length(source_coin_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200) IS NOT FALSE
                AND (vs_currency <> '') IS NOT FALSE
                AND (last_updated IS NOT NULL) IS NOT FALSE
                AND (last_updated >= timestamptz '2009-01-03 00:00:00+00') IS NOT FALSE
                AND (last_updated <= ingested_at + interval '5 minutes') IS NOT FALSE
                AND (price IS NOT NULL) IS NOT FALSE
                AND (price > 0) IS NOT FALSE
                AND (least(market_cap, total_volume) >= 0) IS NOT FALSE THEN ''
            ELSE array_to_string(array_remove(ARRAY[
                CASE WHEN NOT (malformed IS NULL) THEN 'fields that are not of the documented JSON type, or not storable (' || 'malformed = ' || coalesce(left(malformed, 1000), 'null') || ')' END,
                CASE WHEN NOT (coalesce(source_coin_id, '') <> '') THEN 'no id (' || 'source_coin_id = ' || coalesce(left(source_coin_id, 1000), 'null') || ')' END,
                CASE WHEN NOT (coalesce(symbol, '') <> '') THEN 'no symbol (' || 'symbol = ' || coalesce(left(symbol, 1000), 'null') || ')' END,
                CASE WHEN NOT (coalesce(name, '') <> '') THEN 'no name (' || 'name = ' || coalesce(left(name, 1000), 'null') || ')' END,
                CASE WHEN NOT (length(source_coin_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200) THEN 'a text is too long to be stored (' || 'source_coin_id = ' || coalesce(left(source_coin_id, 1000), 'null') || ', ' || 'symbol = ' || coalesce(left(symbol, 1000), 'null') || ', ' || 'name = ' || coalesce(left(name, 1000), 'null') || ')' END,
                CASE WHEN NOT (vs_currency <> '') THEN 'no quote (' || 'vs_currency = ' || coalesce(left(vs_currency, 1000), 'null') || ')' END,
                CASE WHEN NOT (last_updated IS NOT NULL) THEN 'no last_updated (' || 'last_updated = ' || coalesce(last_updated::text, 'null') || ')' END,
                CASE WHEN NOT (last_updated >= timestamptz '2009-01-03 00:00:00+00') THEN 'last_updated lies before the first cryptocurrency (' || 'last_updated = ' || coalesce(last_updated::text, 'null') || ')' END,
                CASE WHEN NOT (last_updated <= ingested_at + interval '5 minutes') THEN 'last_updated lies after the fetch (' || 'last_updated = ' || coalesce(last_updated::text, 'null') || ', ' || 'ingested_at = ' || coalesce(ingested_at::text, 'null') || ')' END,
                CASE WHEN NOT (price IS NOT NULL) THEN 'no price (' || 'price = ' || coalesce(price::text, 'null') || ')' END,
                CASE WHEN NOT (price > 0) THEN 'price is not above 0 (' || 'price = ' || coalesce(price::text, 'null') || ')' END,
                CASE WHEN NOT (least(market_cap, total_volume) >= 0) THEN 'market cap or volume is negative (' || 'market_cap = ' || coalesce(market_cap::text, 'null') || ', ' || 'total_volume = ' || coalesce(total_volume::text, 'null') || ')' END
            ]::text[], NULL), '; ')
        END
        -- [[[end]]]
        AS reason
    FROM (SELECT s.*, %(ingested_at)s::timestamptz AS ingested_at FROM staged_quotes AS s) AS quote
) AS evaluated
WHERE cardinality(rejected_by) > 0
