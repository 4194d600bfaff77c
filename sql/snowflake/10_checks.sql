-- What PostgreSQL's constraints and the asset checks say there. Snowflake enforces no key and knows no
-- CHECK, so after each load the tables are asked.
CREATE OR REPLACE VIEW analytics.failed_checks
COMMENT = 'The checks that find wrong rows, and how many; empty when all is well.'
AS
SELECT check_name, wrong_rows
FROM (
    SELECT 'snapshot_keys_unique' AS check_name, COUNT(*) AS wrong_rows
    FROM (
        SELECT crypto_id FROM silver.price_snapshots
        GROUP BY crypto_id, vs_currency, snapshot_time HAVING COUNT(*) > 1
    ) AS doubles
    UNION ALL
    SELECT 'batch_keys_unique', COUNT(*)
    FROM (
        SELECT landing_file FROM silver.ingestion_batches
        GROUP BY landing_file HAVING COUNT(*) > 1
    ) AS doubles
    UNION ALL
    SELECT 'coin_keys_unique', COUNT(*)
    FROM (
        SELECT crypto_id FROM silver.cryptocurrencies GROUP BY crypto_id HAVING COUNT(*) > 1
    ) AS doubles
    UNION ALL
    SELECT 'names_unique', COUNT(*)
    FROM (
        SELECT crypto_id FROM silver.cryptocurrency_names
        GROUP BY crypto_id, symbol, name HAVING COUNT(*) > 1
    ) AS doubles
    UNION ALL
    SELECT 'fact_keys_unique', COUNT(*)
    FROM (
        SELECT crypto_id FROM analytics.fact_crypto_price_metrics
        GROUP BY crypto_id, vs_currency, snapshot_time HAVING COUNT(*) > 1
    ) AS doubles
    UNION ALL
    SELECT 'snapshots_on_bucket', COUNT(*)
    FROM silver.price_snapshots
    WHERE snapshot_time <> TIME_SLICE(DATEADD(SECOND, 150, last_updated), 5, 'MINUTE', 'START')
    UNION ALL
    SELECT 'snapshots_have_metrics', COUNT(*)
    FROM silver.price_snapshots AS s
    FULL OUTER JOIN silver.market_metrics AS m
        ON m.crypto_id = s.crypto_id
        AND m.vs_currency = s.vs_currency
        AND m.snapshot_time = s.snapshot_time
    WHERE s.crypto_id IS NULL OR m.crypto_id IS NULL
    UNION ALL
    SELECT 'references_exist', COUNT(*)
    FROM silver.price_snapshots AS s
    LEFT JOIN silver.cryptocurrencies AS c ON c.crypto_id = s.crypto_id
    LEFT JOIN silver.cryptocurrency_names AS n
        ON n.name_id = s.name_id AND n.crypto_id = s.crypto_id
    LEFT JOIN silver.ingestion_batches AS b
        ON b.batch_id = s.batch_id AND b.status = 'completed'
    WHERE c.crypto_id IS NULL OR n.name_id IS NULL OR b.batch_id IS NULL
    UNION ALL
    SELECT 'prices_fit_or_are_kept', COUNT(*)
    FROM silver.price_snapshots AS s
    LEFT JOIN silver.unrepresentable_values AS u
        ON u.crypto_id = s.crypto_id
        AND u.vs_currency = s.vs_currency
        AND u.snapshot_time = s.snapshot_time
        AND u.column_name = 'current_price'
    WHERE COALESCE(s.current_price <= 0, u.crypto_id IS NULL)
    UNION ALL
    SELECT 'batches_add_up', COUNT(*)
    FROM silver.ingestion_batches AS b
    LEFT JOIN (
        SELECT batch_id, COUNT(*) AS snapshots FROM silver.price_snapshots GROUP BY batch_id
    ) AS s ON s.batch_id = b.batch_id
    WHERE b.status = 'loading'
        OR b.status = 'completed' AND (
            b.records_fetched <> b.records_loaded + b.records_duplicate + b.records_rejected
            OR b.records_loaded <> COALESCE(s.snapshots, 0)
        )
    UNION ALL
    SELECT 'facts_match_snapshots', COUNT(*)
    FROM (
        SELECT s.crypto_id, s.vs_currency, s.snapshot_time
        FROM silver.price_snapshots AS s
        JOIN silver.ingestion_batches AS b
            ON b.batch_id = s.batch_id AND b.gold_loaded_at IS NOT NULL
    ) AS s
    FULL OUTER JOIN analytics.fact_crypto_price_metrics AS f
        ON f.crypto_id = s.crypto_id
        AND f.vs_currency = s.vs_currency
        AND f.snapshot_time = s.snapshot_time
    WHERE s.crypto_id IS NULL OR f.crypto_id IS NULL
    UNION ALL
    SELECT 'measures_equal_silver', COUNT(*)
    FROM analytics.fact_crypto_price_metrics AS f
    JOIN silver.v_price_history AS h
        ON h.crypto_id = f.crypto_id
        AND h.vs_currency = f.vs_currency
        AND h.snapshot_time = f.snapshot_time
    WHERE
        -- [[[cog any_of(FACT.measures, "f.{} IS DISTINCT FROM h.{}") ]]]
        f.current_price IS DISTINCT FROM h.current_price
            OR f.high_24h IS DISTINCT FROM h.high_24h
            OR f.low_24h IS DISTINCT FROM h.low_24h
            OR f.price_change_24h IS DISTINCT FROM h.price_change_24h
            OR f.price_change_pct_24h IS DISTINCT FROM h.price_change_pct_24h
            OR f.ath IS DISTINCT FROM h.ath
            OR f.ath_change_pct IS DISTINCT FROM h.ath_change_pct
            OR f.atl IS DISTINCT FROM h.atl
            OR f.atl_change_pct IS DISTINCT FROM h.atl_change_pct
            OR f.market_cap IS DISTINCT FROM h.market_cap
            OR f.market_cap_rank IS DISTINCT FROM h.market_cap_rank
            OR f.fully_diluted_valuation IS DISTINCT FROM h.fully_diluted_valuation
            OR f.total_volume IS DISTINCT FROM h.total_volume
            OR f.market_cap_change_24h IS DISTINCT FROM h.market_cap_change_24h
            OR f.market_cap_change_pct_24h IS DISTINCT FROM h.market_cap_change_pct_24h
            OR f.circulating_supply IS DISTINCT FROM h.circulating_supply
            OR f.total_supply IS DISTINCT FROM h.total_supply
            OR f.max_supply IS DISTINCT FROM h.max_supply
            OR f.roi_times IS DISTINCT FROM h.roi_times
            OR f.roi_percentage IS DISTINCT FROM h.roi_percentage
            OR f.market_cap_rank_with_rehypothecated IS DISTINCT FROM h.market_cap_rank_with_rehypothecated
        -- [[[end]]]
    UNION ALL
    SELECT 'facts_have_their_version', COUNT(*)
    FROM analytics.fact_crypto_price_metrics AS f
    LEFT JOIN analytics.dim_cryptocurrency AS d
        ON d.crypto_key = f.crypto_key
        AND d.crypto_id = f.crypto_id
        AND d.valid_from <= f.last_updated AND f.last_updated < d.valid_to
    WHERE d.crypto_key IS NULL
    UNION ALL
    SELECT 'no_orphan_keys', COUNT(*)
    FROM analytics.fact_crypto_price_metrics AS f
    LEFT JOIN analytics.dim_date AS d ON d.date_key = f.date_key
    LEFT JOIN analytics.dim_time AS t ON t.time_key = f.time_key
    LEFT JOIN analytics.dim_source AS o ON o.source_key = f.source_key AND o.source_key > 0
    WHERE d.date_key IS NULL OR t.time_key IS NULL OR o.source_key IS NULL
    UNION ALL
    SELECT 'ingested_in_order', COUNT(*)
    FROM analytics.dim_source
    WHERE first_ingested_at > last_ingested_at
    UNION ALL
    SELECT 'versions_in_sequence', COUNT(*)
    FROM (
        SELECT
            valid_to,
            is_current,
            LEAD(valid_from) OVER (PARTITION BY crypto_id ORDER BY valid_from) AS next_from
        FROM analytics.dim_cryptocurrency
    ) AS v
    WHERE valid_to <> COALESCE(next_from, '9999-12-31'::TIMESTAMP_NTZ(6))
        OR is_current <> (next_from IS NULL)
) AS checks
WHERE wrong_rows > 0;

CREATE OR REPLACE PROCEDURE analytics.check_warehouse()
RETURNS VARCHAR
LANGUAGE SQL
COMMENT = 'Fails when a check finds a wrong row, so that the task does and its alert is sent.'
EXECUTE AS OWNER
AS
$$
DECLARE
    wrong_rows EXCEPTION (-20001, 'wrong rows: see analytics.failed_checks');
BEGIN
    LET failed INTEGER := (SELECT COUNT(*) FROM analytics.failed_checks);
    IF (failed > 0) THEN
        RAISE wrong_rows;
    END IF;
    RETURN 'all checks pass';
END;
$$;
