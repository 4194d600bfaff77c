-- The scoped batches of which gold and silver do not hold the same rows with the same measures, by a
-- sum over hashes of their rows: one pass over each side, where a comparison row by row joins both.
-- Only these are compared row by row, to say which rows differ.
CREATE TEMPORARY TABLE differing_batches ON COMMIT DROP AS
SELECT b.*
FROM scoped_batches AS b
LEFT JOIN (
    SELECT
        batch_id,
        count(*) AS facts,
        sum(hash_record_extended(ROW(
            crypto_id, vs_currency, snapshot_time,
            -- [[[cog columns(FACT.measures) ]]]
            current_price, high_24h, low_24h, price_change_24h, price_change_pct_24h, ath,
            ath_change_pct, atl, atl_change_pct, market_cap, market_cap_rank,
            fully_diluted_valuation, total_volume, market_cap_change_24h,
            market_cap_change_pct_24h, circulating_supply, total_supply, max_supply, roi_times,
            roi_percentage, market_cap_rank_with_rehypothecated
            -- [[[end]]]
        ), 0)::numeric) AS fingerprint
    FROM pruned_fact_crypto_price_metrics
    WHERE batch_id = ANY (ARRAY(SELECT batch_id FROM scoped_batches))
    GROUP BY batch_id
) AS f USING (batch_id)
LEFT JOIN (
    SELECT
        s.batch_id,
        count(*) AS facts,
        sum(hash_record_extended(ROW(
            s.crypto_id, s.vs_currency, s.snapshot_time,
            -- [[[cog columns(FACT.measures) ]]]
            current_price, high_24h, low_24h, price_change_24h, price_change_pct_24h, ath,
            ath_change_pct, atl, atl_change_pct, market_cap, market_cap_rank,
            fully_diluted_valuation, total_volume, market_cap_change_24h,
            market_cap_change_pct_24h, circulating_supply, total_supply, max_supply, roi_times,
            roi_percentage, market_cap_rank_with_rehypothecated
            -- [[[end]]]
        ), 0)::numeric) AS fingerprint
    FROM pruned_price_snapshots AS s
    LEFT JOIN pruned_market_metrics AS m USING (crypto_id, vs_currency, snapshot_time)
    WHERE s.batch_id = ANY (ARRAY(SELECT batch_id FROM scoped_batches WHERE status = 'completed'))
    GROUP BY s.batch_id
) AS s USING (batch_id)
WHERE (f.facts, f.fingerprint) IS DISTINCT FROM (s.facts, s.fingerprint);

ANALYZE differing_batches;
