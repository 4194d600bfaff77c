-- First write wins: a bucket that has a row keeps it, and the record counts as a duplicate. Of
-- two records for one bucket the earlier file's wins, within one file the fresher one.
MERGE INTO {lake}.price_snapshots AS t
USING (
    SELECT
        crypto_id, vs_currency, snapshot_time, last_updated, symbol, name, batch_id, record_index,
        -- [[[cog columns(PRICE_MEASURES, end=",") ]]]
        current_price, high_24h, low_24h, price_change_24h, price_change_pct_24h, ath,
        ath_change_pct, ath_date, atl, atl_change_pct, atl_date,
        -- [[[end]]]
        current_price_text, market_cap_text, total_volume_text, unrepresentable, snapshot_month
    FROM (
        SELECT
            *,
            row_number() OVER (
                PARTITION BY crypto_id, vs_currency, snapshot_time
                ORDER BY ingested_at, landing_file, last_updated DESC, record_index
            ) AS place
        FROM accepted_records
    ) AS numbered
    WHERE place = 1
) AS i
ON t.snapshot_month IN ({months})
    AND t.snapshot_month = i.snapshot_month
    AND t.crypto_id = i.crypto_id
    AND t.vs_currency = i.vs_currency
    AND t.snapshot_time = i.snapshot_time
WHEN NOT MATCHED THEN INSERT *
