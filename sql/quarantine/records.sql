-- The staged records into their buckets, as if they had been good from the start. The first write wins: of
-- two records for a bucket the one of the file that was tried first (the smaller batch_id), within a
-- file the fresher one. So a record may take the bucket of one that came later, which is a duplicate then.
SELECT ensure_month_partitions(parent, (SELECT array_agg(DISTINCT snapshot_time) FROM accepted_records))
FROM unnest('{price_snapshots,market_metrics}'::regclass[]) AS parent;

CREATE TEMPORARY TABLE replayed_records ON COMMIT DROP AS
SELECT
    a.*,
    n.name_id,
    held.batch_id AS held_by,
    held.last_updated AS held_last_updated,
    row_number() OVER (
        PARTITION BY a.crypto_id, a.vs_currency, a.snapshot_time
        ORDER BY a.batch_id, a.last_updated DESC, a.record_index
    ) = 1
    AND (
        held.batch_id IS NULL
        OR a.batch_id < held.batch_id
        OR (
            a.batch_id = held.batch_id
            AND (
                a.last_updated > held.last_updated
                OR (a.last_updated = held.last_updated AND a.record_index < held.record_index)
            )
        )
    ) AS takes_bucket
FROM accepted_records AS a
JOIN cryptocurrency_names AS n USING (crypto_id, symbol, name)
LEFT JOIN price_snapshots AS held USING (crypto_id, vs_currency, snapshot_time);

INSERT INTO price_snapshots (
    crypto_id, vs_currency, snapshot_time, last_updated, name_id, batch_id, record_index,
    -- [[[cog columns(PRICE_MEASURES) ]]]
    current_price, high_24h, low_24h, price_change_24h, price_change_pct_24h, ath,
    ath_change_pct, ath_date, atl, atl_change_pct, atl_date
    -- [[[end]]]
)
SELECT
    crypto_id, vs_currency, snapshot_time, last_updated, name_id, batch_id, record_index,
    -- [[[cog columns(PRICE_MEASURES) ]]]
    current_price, high_24h, low_24h, price_change_24h, price_change_pct_24h, ath,
    ath_change_pct, ath_date, atl, atl_change_pct, atl_date
    -- [[[end]]]
FROM replayed_records
WHERE takes_bucket
ON CONFLICT (crypto_id, vs_currency, snapshot_time) DO UPDATE SET
    last_updated = excluded.last_updated,
    name_id = excluded.name_id,
    batch_id = excluded.batch_id,
    record_index = excluded.record_index,
    -- [[[cog columns(PRICE_MEASURES, "{} = excluded.{}", one_per_line=True) ]]]
    current_price = excluded.current_price,
    high_24h = excluded.high_24h,
    low_24h = excluded.low_24h,
    price_change_24h = excluded.price_change_24h,
    price_change_pct_24h = excluded.price_change_pct_24h,
    ath = excluded.ath,
    ath_change_pct = excluded.ath_change_pct,
    ath_date = excluded.ath_date,
    atl = excluded.atl,
    atl_change_pct = excluded.atl_change_pct,
    atl_date = excluded.atl_date
    -- [[[end]]]
;

INSERT INTO market_metrics (
    crypto_id, vs_currency, snapshot_time,
    -- [[[cog columns(METRIC_MEASURES) ]]]
    market_cap, market_cap_rank, fully_diluted_valuation, total_volume,
    market_cap_change_24h, market_cap_change_pct_24h, circulating_supply, total_supply,
    max_supply, roi_times, roi_currency, roi_percentage,
    market_cap_rank_with_rehypothecated
    -- [[[end]]]
)
SELECT
    crypto_id, vs_currency, snapshot_time,
    -- [[[cog columns(METRIC_MEASURES) ]]]
    market_cap, market_cap_rank, fully_diluted_valuation, total_volume,
    market_cap_change_24h, market_cap_change_pct_24h, circulating_supply, total_supply,
    max_supply, roi_times, roi_currency, roi_percentage,
    market_cap_rank_with_rehypothecated
    -- [[[end]]]
FROM replayed_records
WHERE takes_bucket
ON CONFLICT (crypto_id, vs_currency, snapshot_time) DO UPDATE SET
    -- [[[cog columns(METRIC_MEASURES, "{} = excluded.{}", one_per_line=True) ]]]
    market_cap = excluded.market_cap,
    market_cap_rank = excluded.market_cap_rank,
    fully_diluted_valuation = excluded.fully_diluted_valuation,
    total_volume = excluded.total_volume,
    market_cap_change_24h = excluded.market_cap_change_24h,
    market_cap_change_pct_24h = excluded.market_cap_change_pct_24h,
    circulating_supply = excluded.circulating_supply,
    total_supply = excluded.total_supply,
    max_supply = excluded.max_supply,
    roi_times = excluded.roi_times,
    roi_currency = excluded.roi_currency,
    roi_percentage = excluded.roi_percentage,
    market_cap_rank_with_rehypothecated = excluded.market_cap_rank_with_rehypothecated
    -- [[[end]]]
;

-- What leaves the quarantine of a completed batch; the merge does the same for one that had failed.
UPDATE rejected_records AS r
SET resolved_at = now(), resolved_batch_id = r.batch_id
FROM waiting_records AS w
JOIN replayed_records AS p USING (batch_id, record_index)
WHERE w.status = 'completed' AND (r.batch_id, r.record_index) = (w.batch_id, w.record_index);

UPDATE rejected_records AS r
SET resolved_at = now(), resolved_batch_id = c.corrected_by
FROM corrected_records AS c
WHERE (r.batch_id, r.record_index) = (c.batch_id, c.record_index);

-- What stays is there by the rules as they are now.
UPDATE rejected_records AS r
SET rules = s.rules, rule_versions = s.rule_versions, reason = s.reason
FROM waiting_records AS w
JOIN staged_files AS f USING (file_id)
JOIN staged_rejected_records AS s USING (landing_file, record_index)
WHERE (r.batch_id, r.record_index) = (w.batch_id, w.record_index) AND r.resolved_at IS NULL
    AND (r.rules, r.rule_versions, r.reason) IS DISTINCT FROM (s.rules, s.rule_versions, s.reason);

-- A batch that had its bucket taken has one record less and a duplicate more.
WITH counts AS (
    SELECT batch_id, sum(loaded)::integer AS loaded, sum(duplicate)::integer AS duplicate, sum(taken) AS taken
    FROM (
        SELECT batch_id, takes_bucket::integer, (NOT takes_bucket)::integer, takes_bucket::integer
        FROM replayed_records
        UNION ALL
        SELECT held_by, -1, 1, 0 FROM replayed_records WHERE takes_bucket AND held_by IS NOT NULL
    ) AS outcomes (batch_id, loaded, duplicate, taken)
    GROUP BY batch_id
)
UPDATE ingestion_batches AS b
SET
    records_loaded = b.records_loaded + c.loaded,
    records_duplicate = b.records_duplicate + c.duplicate,
    records_rejected = b.records_rejected
        - CASE WHEN b.status = 'completed' THEN c.loaded + c.duplicate ELSE 0 END,
    gold_loaded_at = CASE WHEN c.taken = 0 THEN b.gold_loaded_at END,
    candles_loaded_at = CASE WHEN c.taken = 0 THEN b.candles_loaded_at END,
    run_id = current_run_id(),
    loaded_at = now()
FROM counts AS c
WHERE b.batch_id = c.batch_id;

-- Good records are counted by the warn rules that they break.
UPDATE ingestion_batches AS b
SET warnings = w.warnings, schema_drift = w.schema_drift
FROM (
    SELECT
        p.batch_id,
        min(s.schema_drift)::jsonb AS schema_drift,
        coalesce(jsonb_object_agg(r.rule, r.records) FILTER (WHERE r.rule IS NOT NULL), '{}')
            AS warnings
    FROM (SELECT DISTINCT file_id, batch_id FROM replayed_records) AS p
    JOIN staged_ingestion_batches AS s USING (file_id)
    LEFT JOIN LATERAL (
        SELECT rule, count(*) AS records
        FROM violations AS v
        CROSS JOIN unnest(v.warned_by) AS rule
        WHERE v.file_id = p.file_id AND v.rejected_by = '{}'
            AND NOT EXISTS (
                SELECT FROM rejected_records AS q
                WHERE (q.batch_id, q.record_index) = (p.batch_id, v.record_index)
                    AND q.resolved_batch_id IS DISTINCT FROM q.batch_id
            )
        GROUP BY rule
    ) AS r ON true
    GROUP BY p.batch_id
) AS w
WHERE b.batch_id = w.batch_id AND b.status = 'completed' AND b.details_purged_at IS NULL;
