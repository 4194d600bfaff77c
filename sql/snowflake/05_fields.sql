-- The documented fields of a record.

CREATE OR REPLACE VIEW staging.api_fields
COMMENT = 'The documented fields of a record, and the column that each becomes.'
AS
SELECT * FROM VALUES
    -- [[[cog snowflake.api_fields() ]]]
    (0, 'price_change_percentage_14d_in_currency', 'price_change_percentage_14d_in_currency', 'any', FALSE, NULL),
    (1, 'price_change_percentage_1h_in_currency', 'price_change_percentage_1h_in_currency', 'any', FALSE, NULL),
    (2, 'price_change_percentage_1y_in_currency', 'price_change_percentage_1y_in_currency', 'any', FALSE, NULL),
    (3, 'price_change_percentage_200d_in_currency', 'price_change_percentage_200d_in_currency', 'any', FALSE, NULL),
    (4, 'price_change_percentage_24h_in_currency', 'price_change_percentage_24h_in_currency', 'any', FALSE, NULL),
    (5, 'price_change_percentage_30d_in_currency', 'price_change_percentage_30d_in_currency', 'any', FALSE, NULL),
    (6, 'price_change_percentage_7d_in_currency', 'price_change_percentage_7d_in_currency', 'any', FALSE, NULL),
    (7, 'sparkline_in_7d', 'sparkline_in_7d', 'any', FALSE, NULL),
    (8, 'id', 'crypto_id', 'text', TRUE, NULL),
    (9, 'symbol', 'symbol', 'text', TRUE, NULL),
    (10, 'name', 'name', 'text', TRUE, NULL),
    (11, 'image', 'image_url', 'text', TRUE, NULL),
    (12, 'current_price', 'current_price', 'number', TRUE, 26),
    (13, 'high_24h', 'high_24h', 'number', TRUE, 26),
    (14, 'low_24h', 'low_24h', 'number', TRUE, 26),
    (15, 'price_change_24h', 'price_change_24h', 'number', TRUE, 26),
    (16, 'price_change_percentage_24h', 'price_change_pct_24h', 'number', TRUE, 14),
    (17, 'ath', 'ath', 'number', TRUE, 26),
    (18, 'ath_change_percentage', 'ath_change_pct', 'number', TRUE, 14),
    (19, 'atl', 'atl', 'number', TRUE, 26),
    (20, 'atl_change_percentage', 'atl_change_pct', 'number', TRUE, 14),
    (21, 'market_cap', 'market_cap', 'number', TRUE, 14),
    (22, 'fully_diluted_valuation', 'fully_diluted_valuation', 'number', TRUE, 14),
    (23, 'total_volume', 'total_volume', 'number', TRUE, 14),
    (24, 'market_cap_change_24h', 'market_cap_change_24h', 'number', TRUE, 14),
    (25, 'market_cap_change_percentage_24h', 'market_cap_change_pct_24h', 'number', TRUE, 14),
    (26, 'circulating_supply', 'circulating_supply', 'number', TRUE, 8),
    (27, 'total_supply', 'total_supply', 'number', TRUE, 8),
    (28, 'max_supply', 'max_supply', 'number', TRUE, 8),
    (29, 'market_cap_rank', 'market_cap_rank', 'integer', TRUE, NULL),
    (30, 'market_cap_rank_with_rehypothecated', 'market_cap_rank_with_rehypothecated', 'integer', FALSE, NULL),
    (31, 'last_updated', 'last_updated', 'time', TRUE, NULL),
    (32, 'ath_date', 'ath_date', 'time', TRUE, NULL),
    (33, 'atl_date', 'atl_date', 'time', TRUE, NULL),
    (34, 'roi', 'roi', 'object', TRUE, NULL),
    (35, 'roi.times', 'roi_times', 'number', FALSE, 14),
    (36, 'roi.percentage', 'roi_percentage', 'number', FALSE, 14),
    (37, 'roi.currency', 'roi_currency', 'text', FALSE, NULL)
    -- [[[end]]]
AS fields (position, field, column_name, kind, is_base, scale);
