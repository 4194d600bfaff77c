-- One row for every snapshot, from the record that gave the snapshot.
MERGE INTO {lake}.market_metrics AS t
USING (
    SELECT
        i.crypto_id, i.vs_currency, i.snapshot_time,
        -- [[[cog columns(METRIC_MEASURES, "i.{}", end=",") ]]]
        i.market_cap, i.market_cap_rank, i.fully_diluted_valuation, i.total_volume,
        i.market_cap_change_24h, i.market_cap_change_pct_24h, i.circulating_supply,
        i.total_supply, i.max_supply, i.roi_times, i.roi_currency, i.roi_percentage,
        i.market_cap_rank_with_rehypothecated,
        -- [[[end]]]
        i.snapshot_month
    FROM accepted_records AS i
    JOIN {lake}.price_snapshots AS s
        ON s.snapshot_month IN ({months})
        AND s.snapshot_month = i.snapshot_month
        AND s.crypto_id = i.crypto_id
        AND s.vs_currency = i.vs_currency
        AND s.snapshot_time = i.snapshot_time
        AND s.batch_id = i.batch_id
        AND s.record_index = i.record_index
) AS i
ON t.snapshot_month IN ({months})
    AND t.snapshot_month = i.snapshot_month
    AND t.crypto_id = i.crypto_id
    AND t.vs_currency = i.vs_currency
    AND t.snapshot_time = i.snapshot_time
WHEN NOT MATCHED THEN INSERT *
