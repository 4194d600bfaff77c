-- What is wrong with the staged contracts: one without coin or address, or that no index has room for.
INSERT INTO broken_items
SELECT
    item_index, record_index, left(source_coin_id, 200), NULL, ARRAY['contract_well_formed'],
    'no contract with a coin and an address, each of a storable length'
        || coalesce(' (malformed = ' || malformed || ')', '')
FROM staged_contracts
WHERE malformed IS NOT NULL OR coalesce(source_coin_id, '') = '' OR coalesce(contract_address, '') = ''
    OR length(source_coin_id) > 200 OR length(contract_address) > 300
