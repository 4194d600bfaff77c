-- Pages of the newest fetch, from the metadata of the asset's newest materialization.
SELECT jsonb_path_query_first(
    last_materialization::jsonb,
    'strict $.**.metadata_entries[*] ? (@.label == "pages").entry_data.value'
)
FROM dagster.asset_keys
WHERE asset_key = '["market_snapshots"]'
