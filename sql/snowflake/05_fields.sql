-- Written by `python -m crypto_pipeline.snowflake_rules` from quality.py, coingecko/schema.py and
-- lake_schema.py: change these, not this file.

CREATE OR REPLACE VIEW staging.api_fields
COMMENT = 'The documented fields of a record, and the column that each becomes.'
AS
SELECT * FROM VALUES
    (0, 'id', 'crypto_id', 'text', TRUE, NULL),
    (1, 'symbol', 'symbol', 'text', TRUE, NULL),
    (2, 'name', 'name', 'text', TRUE, NULL),
    (3, 'image', 'image_url', 'text', TRUE, NULL),
    (4, 'current_price', 'current_price', 'number', TRUE, 26),
    (5, 'market_cap', 'market_cap', 'number', TRUE, 14),
    (6, 'fully_diluted_valuation', 'fully_diluted_valuation', 'number', TRUE, 14),
    (7, 'total_volume', 'total_volume', 'number', TRUE, 14),
    (8, 'high_24h', 'high_24h', 'number', TRUE, 26),
    (9, 'low_24h', 'low_24h', 'number', TRUE, 26),
    (10, 'price_change_24h', 'price_change_24h', 'number', TRUE, 26),
    (11, 'price_change_percentage_24h', 'price_change_percentage_24h', 'number', TRUE, 14),
    (12, 'market_cap_change_24h', 'market_cap_change_24h', 'number', TRUE, 14),
    (13, 'market_cap_change_percentage_24h', 'market_cap_change_percentage_24h', 'number', TRUE, 14),
    (14, 'circulating_supply', 'circulating_supply', 'number', TRUE, 8),
    (15, 'total_supply', 'total_supply', 'number', TRUE, 8),
    (16, 'max_supply', 'max_supply', 'number', TRUE, 8),
    (17, 'ath', 'ath', 'number', TRUE, 26),
    (18, 'ath_change_percentage', 'ath_change_percentage', 'number', TRUE, 14),
    (19, 'atl', 'atl', 'number', TRUE, 26),
    (20, 'atl_change_percentage', 'atl_change_percentage', 'number', TRUE, 14),
    (21, 'market_cap_rank', 'market_cap_rank', 'integer', TRUE, NULL),
    (22, 'ath_date', 'ath_date', 'time', TRUE, NULL),
    (23, 'atl_date', 'atl_date', 'time', TRUE, NULL),
    (24, 'last_updated', 'last_updated', 'time', TRUE, NULL),
    (25, 'roi', 'roi', 'object', TRUE, NULL),
    (26, 'roi.times', 'roi_times', 'number', FALSE, 14),
    (27, 'roi.currency', 'roi_currency', 'text', FALSE, NULL),
    (28, 'roi.percentage', 'roi_percentage', 'number', FALSE, 14),
    (29, 'market_cap_rank_with_rehypothecated', 'market_cap_rank_with_rehypothecated', 'any', FALSE, NULL),
    (30, 'price_change_percentage_14d_in_currency', 'price_change_percentage_14d_in_currency', 'any', FALSE, NULL),
    (31, 'price_change_percentage_1h_in_currency', 'price_change_percentage_1h_in_currency', 'any', FALSE, NULL),
    (32, 'price_change_percentage_1y_in_currency', 'price_change_percentage_1y_in_currency', 'any', FALSE, NULL),
    (33, 'price_change_percentage_200d_in_currency', 'price_change_percentage_200d_in_currency', 'any', FALSE, NULL),
    (34, 'price_change_percentage_24h_in_currency', 'price_change_percentage_24h_in_currency', 'any', FALSE, NULL),
    (35, 'price_change_percentage_30d_in_currency', 'price_change_percentage_30d_in_currency', 'any', FALSE, NULL),
    (36, 'price_change_percentage_7d_in_currency', 'price_change_percentage_7d_in_currency', 'any', FALSE, NULL),
    (37, 'sparkline_in_7d', 'sparkline_in_7d', 'any', FALSE, NULL)
AS fields (position, field, column_name, kind, is_base, scale);
