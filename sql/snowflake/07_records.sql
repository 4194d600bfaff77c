-- The records with their values by column, and the violations of the rules of quality.py.

CREATE OR REPLACE VIEW staging.typed_records
COMMENT = 'A row a record: its values by column, for the rules.'
AS
SELECT
    v.landing_file,
    v.record_index,
    -- [[[cog snowflake.typed_values() ]]]
    MAX(IFF(v.column_name = 'crypto_id', v.text, NULL)) AS crypto_id,
    MAX(IFF(v.column_name = 'symbol', v.text, NULL)) AS symbol,
    MAX(IFF(v.column_name = 'name', v.text, NULL)) AS name,
    MAX(IFF(v.column_name = 'image_url', v.text, NULL)) AS image_url,
    MAX(IFF(v.column_name = 'last_updated', v.time, NULL)) AS last_updated,
    TO_DECIMAL(MAX(IFF(v.column_name = 'current_price', v.evaluated, NULL)), 38, 26) AS current_price,
    MAX(IFF(v.column_name = 'current_price', v.plain, NULL)) AS current_price_text,
    MAX(IFF(v.column_name = 'current_price', v.unrepresentable, NULL)) AS current_price_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'high_24h', v.evaluated, NULL)), 38, 26) AS high_24h,
    MAX(IFF(v.column_name = 'high_24h', v.plain, NULL)) AS high_24h_text,
    MAX(IFF(v.column_name = 'high_24h', v.unrepresentable, NULL)) AS high_24h_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'low_24h', v.evaluated, NULL)), 38, 26) AS low_24h,
    MAX(IFF(v.column_name = 'low_24h', v.plain, NULL)) AS low_24h_text,
    MAX(IFF(v.column_name = 'low_24h', v.unrepresentable, NULL)) AS low_24h_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'price_change_24h', v.evaluated, NULL)), 38, 26) AS price_change_24h,
    MAX(IFF(v.column_name = 'price_change_24h', v.plain, NULL)) AS price_change_24h_text,
    MAX(IFF(v.column_name = 'price_change_24h', v.unrepresentable, NULL)) AS price_change_24h_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'price_change_pct_24h', v.evaluated, NULL)), 38, 14) AS price_change_pct_24h,
    MAX(IFF(v.column_name = 'price_change_pct_24h', v.plain, NULL)) AS price_change_pct_24h_text,
    MAX(IFF(v.column_name = 'price_change_pct_24h', v.unrepresentable, NULL)) AS price_change_pct_24h_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'ath', v.evaluated, NULL)), 38, 26) AS ath,
    MAX(IFF(v.column_name = 'ath', v.plain, NULL)) AS ath_text,
    MAX(IFF(v.column_name = 'ath', v.unrepresentable, NULL)) AS ath_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'ath_change_pct', v.evaluated, NULL)), 38, 14) AS ath_change_pct,
    MAX(IFF(v.column_name = 'ath_change_pct', v.plain, NULL)) AS ath_change_pct_text,
    MAX(IFF(v.column_name = 'ath_change_pct', v.unrepresentable, NULL)) AS ath_change_pct_unrepresentable,
    MAX(IFF(v.column_name = 'ath_date', v.time, NULL)) AS ath_date,
    TO_DECIMAL(MAX(IFF(v.column_name = 'atl', v.evaluated, NULL)), 38, 26) AS atl,
    MAX(IFF(v.column_name = 'atl', v.plain, NULL)) AS atl_text,
    MAX(IFF(v.column_name = 'atl', v.unrepresentable, NULL)) AS atl_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'atl_change_pct', v.evaluated, NULL)), 38, 14) AS atl_change_pct,
    MAX(IFF(v.column_name = 'atl_change_pct', v.plain, NULL)) AS atl_change_pct_text,
    MAX(IFF(v.column_name = 'atl_change_pct', v.unrepresentable, NULL)) AS atl_change_pct_unrepresentable,
    MAX(IFF(v.column_name = 'atl_date', v.time, NULL)) AS atl_date,
    TO_DECIMAL(MAX(IFF(v.column_name = 'market_cap', v.evaluated, NULL)), 38, 14) AS market_cap,
    MAX(IFF(v.column_name = 'market_cap', v.plain, NULL)) AS market_cap_text,
    MAX(IFF(v.column_name = 'market_cap', v.unrepresentable, NULL)) AS market_cap_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'market_cap_rank', v.evaluated, NULL)), 10, 0) AS market_cap_rank,
    TO_DECIMAL(MAX(IFF(v.column_name = 'fully_diluted_valuation', v.evaluated, NULL)), 38, 14) AS fully_diluted_valuation,
    MAX(IFF(v.column_name = 'fully_diluted_valuation', v.plain, NULL)) AS fully_diluted_valuation_text,
    MAX(IFF(v.column_name = 'fully_diluted_valuation', v.unrepresentable, NULL)) AS fully_diluted_valuation_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'total_volume', v.evaluated, NULL)), 38, 14) AS total_volume,
    MAX(IFF(v.column_name = 'total_volume', v.plain, NULL)) AS total_volume_text,
    MAX(IFF(v.column_name = 'total_volume', v.unrepresentable, NULL)) AS total_volume_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'market_cap_change_24h', v.evaluated, NULL)), 38, 14) AS market_cap_change_24h,
    MAX(IFF(v.column_name = 'market_cap_change_24h', v.plain, NULL)) AS market_cap_change_24h_text,
    MAX(IFF(v.column_name = 'market_cap_change_24h', v.unrepresentable, NULL)) AS market_cap_change_24h_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'market_cap_change_pct_24h', v.evaluated, NULL)), 38, 14) AS market_cap_change_pct_24h,
    MAX(IFF(v.column_name = 'market_cap_change_pct_24h', v.plain, NULL)) AS market_cap_change_pct_24h_text,
    MAX(IFF(v.column_name = 'market_cap_change_pct_24h', v.unrepresentable, NULL)) AS market_cap_change_pct_24h_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'circulating_supply', v.evaluated, NULL)), 38, 8) AS circulating_supply,
    MAX(IFF(v.column_name = 'circulating_supply', v.plain, NULL)) AS circulating_supply_text,
    MAX(IFF(v.column_name = 'circulating_supply', v.unrepresentable, NULL)) AS circulating_supply_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'total_supply', v.evaluated, NULL)), 38, 8) AS total_supply,
    MAX(IFF(v.column_name = 'total_supply', v.plain, NULL)) AS total_supply_text,
    MAX(IFF(v.column_name = 'total_supply', v.unrepresentable, NULL)) AS total_supply_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'max_supply', v.evaluated, NULL)), 38, 8) AS max_supply,
    MAX(IFF(v.column_name = 'max_supply', v.plain, NULL)) AS max_supply_text,
    MAX(IFF(v.column_name = 'max_supply', v.unrepresentable, NULL)) AS max_supply_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'roi_times', v.evaluated, NULL)), 38, 14) AS roi_times,
    MAX(IFF(v.column_name = 'roi_times', v.plain, NULL)) AS roi_times_text,
    MAX(IFF(v.column_name = 'roi_times', v.unrepresentable, NULL)) AS roi_times_unrepresentable,
    MAX(IFF(v.column_name = 'roi_currency', v.text, NULL)) AS roi_currency,
    TO_DECIMAL(MAX(IFF(v.column_name = 'roi_percentage', v.evaluated, NULL)), 38, 14) AS roi_percentage,
    MAX(IFF(v.column_name = 'roi_percentage', v.plain, NULL)) AS roi_percentage_text,
    MAX(IFF(v.column_name = 'roi_percentage', v.unrepresentable, NULL)) AS roi_percentage_unrepresentable,
    TO_DECIMAL(MAX(IFF(v.column_name = 'market_cap_rank_with_rehypothecated', v.evaluated, NULL)), 10, 0) AS market_cap_rank_with_rehypothecated
    -- [[[end]]]
FROM staging.decoded_values AS v
GROUP BY v.landing_file, v.record_index;

CREATE OR REPLACE VIEW staging.described_records
COMMENT = 'All records, with what the rules ask about beside the values.'
AS
SELECT
    r.landing_file AS file_id,
    r.record,
    f.vs_currency,
    f.ingested_at,
    d.malformed,
    d.unknown_fields,
    d.missing_fields,
    t.* EXCLUDE (landing_file, record_index),
    r.landing_file,
    r.record_index
FROM staging.records AS r
JOIN staging.described_files AS f ON f.landing_file = r.landing_file
JOIN staging.drift AS d
    ON d.landing_file = r.landing_file AND d.record_index = r.record_index
LEFT JOIN staging.typed_records AS t
    ON t.landing_file = r.landing_file AND t.record_index = r.record_index;

CREATE OR REPLACE VIEW staging.evaluated_records
COMMENT = 'The records with the names of the rules they break, and the reason in words.'
AS
SELECT
    r.*,
    TIME_SLICE(DATEADD(SECOND, 150, r.last_updated), 5, 'MINUTE', 'START') AS snapshot_time,
    -- [[[cog snowflake.rejected_by() ]]]
    ARRAY_COMPACT(ARRAY_CONSTRUCT(
        CASE WHEN NOT (malformed IS NULL) THEN 'record_well_formed' END,
        CASE WHEN NOT (COALESCE(crypto_id, '') <> '') THEN 'id_present' END,
        CASE WHEN NOT (COALESCE(symbol, '') <> '') THEN 'symbol_present' END,
        CASE WHEN NOT (COALESCE(name, '') <> '') THEN 'name_present' END,
        CASE WHEN NOT (LENGTH(crypto_id) <= 200 AND LENGTH(symbol) <= 200 AND LENGTH(name) <= 200 AND LENGTH(image_url) <= 2000 AND LENGTH(roi_currency) <= 200) THEN 'texts_short' END,
        CASE WHEN NOT (current_price IS NOT NULL) THEN 'price_present' END,
        CASE WHEN NOT (current_price > 0) THEN 'price_positive' END,
        CASE WHEN NOT (last_updated IS NOT NULL) THEN 'last_updated_present' END,
        CASE WHEN NOT (last_updated >= CAST('2009-01-03 00:00:00' AS TIMESTAMP_NTZ)) THEN 'last_updated_plausible' END,
        CASE WHEN NOT (last_updated <= ingested_at + INTERVAL '5 MINUTES') THEN 'last_updated_not_in_future' END,
        CASE WHEN NOT (LEAST_IGNORE_NULLS(high_24h, low_24h, ath, atl) >= 0) THEN 'prices_not_negative' END,
        CASE WHEN NOT (LEAST_IGNORE_NULLS(market_cap, fully_diluted_valuation, total_volume) >= 0) THEN 'market_values_not_negative' END,
        CASE WHEN NOT (LEAST_IGNORE_NULLS(circulating_supply, total_supply, max_supply) >= 0) THEN 'supplies_not_negative' END,
        CASE WHEN NOT (LEAST_IGNORE_NULLS(market_cap_rank, market_cap_rank_with_rehypothecated) > 0) THEN 'rank_positive' END
    ))
    -- [[[end]]]
    AS rejected_by,
    -- [[[cog snowflake.reason() ]]]
    ARRAY_TO_STRING(ARRAY_COMPACT(ARRAY_CONSTRUCT(
        CASE WHEN NOT (malformed IS NULL) THEN 'fields that are not of the documented JSON type, or not storable (' || 'malformed = ' || COALESCE(LEFT(malformed, 1000), 'null') || ')' END,
        CASE WHEN NOT (COALESCE(crypto_id, '') <> '') THEN 'no id (' || 'crypto_id = ' || COALESCE(LEFT(crypto_id, 1000), 'null') || ')' END,
        CASE WHEN NOT (COALESCE(symbol, '') <> '') THEN 'no symbol (' || 'symbol = ' || COALESCE(LEFT(symbol, 1000), 'null') || ')' END,
        CASE WHEN NOT (COALESCE(name, '') <> '') THEN 'no name (' || 'name = ' || COALESCE(LEFT(name, 1000), 'null') || ')' END,
        CASE WHEN NOT (LENGTH(crypto_id) <= 200 AND LENGTH(symbol) <= 200 AND LENGTH(name) <= 200 AND LENGTH(image_url) <= 2000 AND LENGTH(roi_currency) <= 200) THEN 'a text is too long to be stored (' || 'crypto_id = ' || COALESCE(LEFT(crypto_id, 1000), 'null') || ', ' || 'symbol = ' || COALESCE(LEFT(symbol, 1000), 'null') || ', ' || 'name = ' || COALESCE(LEFT(name, 1000), 'null') || ', ' || 'image_url = ' || COALESCE(LEFT(image_url, 1000), 'null') || ', ' || 'roi_currency = ' || COALESCE(LEFT(roi_currency, 1000), 'null') || ')' END,
        CASE WHEN NOT (current_price IS NOT NULL) THEN 'no price (' || 'current_price = ' || COALESCE(current_price_text, 'null') || ')' END,
        CASE WHEN NOT (current_price > 0) THEN 'price is not above 0 (' || 'current_price = ' || COALESCE(current_price_text, 'null') || ')' END,
        CASE WHEN NOT (last_updated IS NOT NULL) THEN 'no last_updated (' || 'last_updated = ' || COALESCE(TO_VARCHAR(CAST(last_updated AS TIMESTAMP_NTZ), 'YYYY-MM-DD HH24:MI:SS') || REGEXP_REPLACE('.' || LPAD(TO_VARCHAR(MOD(MOD(DATE_PART(EPOCH_MICROSECOND, last_updated), 1000000) + 1000000, 1000000)), 6, '0'), '[.]?0+$') || '+00', 'null') || ')' END,
        CASE WHEN NOT (last_updated >= CAST('2009-01-03 00:00:00' AS TIMESTAMP_NTZ)) THEN 'last_updated lies before the first cryptocurrency (' || 'last_updated = ' || COALESCE(TO_VARCHAR(CAST(last_updated AS TIMESTAMP_NTZ), 'YYYY-MM-DD HH24:MI:SS') || REGEXP_REPLACE('.' || LPAD(TO_VARCHAR(MOD(MOD(DATE_PART(EPOCH_MICROSECOND, last_updated), 1000000) + 1000000, 1000000)), 6, '0'), '[.]?0+$') || '+00', 'null') || ')' END,
        CASE WHEN NOT (last_updated <= ingested_at + INTERVAL '5 MINUTES') THEN 'last_updated lies after the fetch (' || 'last_updated = ' || COALESCE(TO_VARCHAR(CAST(last_updated AS TIMESTAMP_NTZ), 'YYYY-MM-DD HH24:MI:SS') || REGEXP_REPLACE('.' || LPAD(TO_VARCHAR(MOD(MOD(DATE_PART(EPOCH_MICROSECOND, last_updated), 1000000) + 1000000, 1000000)), 6, '0'), '[.]?0+$') || '+00', 'null') || ', ' || 'ingested_at = ' || COALESCE(TO_VARCHAR(CAST(ingested_at AS TIMESTAMP_NTZ), 'YYYY-MM-DD HH24:MI:SS') || REGEXP_REPLACE('.' || LPAD(TO_VARCHAR(MOD(MOD(DATE_PART(EPOCH_MICROSECOND, ingested_at), 1000000) + 1000000, 1000000)), 6, '0'), '[.]?0+$') || '+00', 'null') || ')' END,
        CASE WHEN NOT (LEAST_IGNORE_NULLS(high_24h, low_24h, ath, atl) >= 0) THEN 'a high or low price is negative (' || 'high_24h = ' || COALESCE(high_24h_text, 'null') || ', ' || 'low_24h = ' || COALESCE(low_24h_text, 'null') || ', ' || 'ath = ' || COALESCE(ath_text, 'null') || ', ' || 'atl = ' || COALESCE(atl_text, 'null') || ')' END,
        CASE WHEN NOT (LEAST_IGNORE_NULLS(market_cap, fully_diluted_valuation, total_volume) >= 0) THEN 'market cap, valuation or volume is negative (' || 'market_cap = ' || COALESCE(market_cap_text, 'null') || ', ' || 'fully_diluted_valuation = ' || COALESCE(fully_diluted_valuation_text, 'null') || ', ' || 'total_volume = ' || COALESCE(total_volume_text, 'null') || ')' END,
        CASE WHEN NOT (LEAST_IGNORE_NULLS(circulating_supply, total_supply, max_supply) >= 0) THEN 'a supply is negative (' || 'circulating_supply = ' || COALESCE(circulating_supply_text, 'null') || ', ' || 'total_supply = ' || COALESCE(total_supply_text, 'null') || ', ' || 'max_supply = ' || COALESCE(max_supply_text, 'null') || ')' END,
        CASE WHEN NOT (LEAST_IGNORE_NULLS(market_cap_rank, market_cap_rank_with_rehypothecated) > 0) THEN 'rank is not above 0 (' || 'market_cap_rank = ' || COALESCE(TO_VARCHAR(market_cap_rank), 'null') || ', ' || 'market_cap_rank_with_rehypothecated = ' || COALESCE(TO_VARCHAR(market_cap_rank_with_rehypothecated), 'null') || ')' END
    )), '; ')
    -- [[[end]]]
    AS reason,
    -- [[[cog snowflake.warned_by() ]]]
    ARRAY_COMPACT(ARRAY_CONSTRUCT(
        CASE WHEN NOT (current_price <= high_24h) THEN 'price_within_24h_high' END,
        CASE WHEN NOT (current_price >= low_24h) THEN 'price_within_24h_low' END,
        CASE WHEN NOT (circulating_supply <= total_supply) THEN 'circulating_within_total' END,
        CASE WHEN NOT (total_supply <= max_supply) THEN 'total_within_max' END,
        CASE WHEN NOT (last_updated >= ingested_at - INTERVAL '24 HOURS') THEN 'last_updated_fresh' END,
        CASE WHEN NOT (market_cap_rank IS NOT NULL) THEN 'rank_present' END,
        CASE WHEN NOT (market_cap_rank - 1 <= LAG(market_cap_rank) OVER (PARTITION BY file_id ORDER BY market_cap_rank)) THEN 'rank_follows' END,
        CASE WHEN NOT (crypto_id = FIRST_VALUE(crypto_id) OVER (PARTITION BY file_id, symbol ORDER BY record_index)) THEN 'symbol_unique_in_response' END,
        CASE WHEN NOT (unknown_fields IS NULL) THEN 'fields_known' END,
        CASE WHEN NOT (missing_fields IS NULL) THEN 'fields_complete' END
    ))
    -- [[[end]]]
    AS warned_by
FROM staging.described_records AS r;
CREATE OR REPLACE TRANSIENT TABLE staging.checked_records AS
SELECT * FROM staging.evaluated_records WHERE FALSE;

CREATE OR REPLACE VIEW staging.storable_records
COMMENT = 'The checked records as the tables hold them: what does not fit is null.'
AS
SELECT
    landing_file,
    record_index,
    ingested_at,
    vs_currency,
    snapshot_time,
    rejected_by,
    -- [[[cog snowflake.storable_values() ]]]
    crypto_id,
    symbol,
    name,
    image_url,
    last_updated,
    IFF(current_price_unrepresentable IS NULL, current_price, NULL) AS current_price,
    IFF(high_24h_unrepresentable IS NULL, high_24h, NULL) AS high_24h,
    IFF(low_24h_unrepresentable IS NULL, low_24h, NULL) AS low_24h,
    IFF(price_change_24h_unrepresentable IS NULL, price_change_24h, NULL) AS price_change_24h,
    IFF(price_change_pct_24h_unrepresentable IS NULL, price_change_pct_24h, NULL) AS price_change_pct_24h,
    IFF(ath_unrepresentable IS NULL, ath, NULL) AS ath,
    IFF(ath_change_pct_unrepresentable IS NULL, ath_change_pct, NULL) AS ath_change_pct,
    ath_date,
    IFF(atl_unrepresentable IS NULL, atl, NULL) AS atl,
    IFF(atl_change_pct_unrepresentable IS NULL, atl_change_pct, NULL) AS atl_change_pct,
    atl_date,
    IFF(market_cap_unrepresentable IS NULL, market_cap, NULL) AS market_cap,
    market_cap_rank,
    IFF(fully_diluted_valuation_unrepresentable IS NULL, fully_diluted_valuation, NULL) AS fully_diluted_valuation,
    IFF(total_volume_unrepresentable IS NULL, total_volume, NULL) AS total_volume,
    IFF(market_cap_change_24h_unrepresentable IS NULL, market_cap_change_24h, NULL) AS market_cap_change_24h,
    IFF(market_cap_change_pct_24h_unrepresentable IS NULL, market_cap_change_pct_24h, NULL) AS market_cap_change_pct_24h,
    IFF(circulating_supply_unrepresentable IS NULL, circulating_supply, NULL) AS circulating_supply,
    IFF(total_supply_unrepresentable IS NULL, total_supply, NULL) AS total_supply,
    IFF(max_supply_unrepresentable IS NULL, max_supply, NULL) AS max_supply,
    IFF(roi_times_unrepresentable IS NULL, roi_times, NULL) AS roi_times,
    roi_currency,
    IFF(roi_percentage_unrepresentable IS NULL, roi_percentage, NULL) AS roi_percentage,
    market_cap_rank_with_rehypothecated
    -- [[[end]]]
FROM staging.checked_records;
