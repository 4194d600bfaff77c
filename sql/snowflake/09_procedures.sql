-- The loads. Each is one transaction: what it writes becomes visible together, or not at all. A load
-- that ran twice has run once. They must not run side by side: Snowflake enforces no key, so the task
-- graph starts none while another is running.

CREATE OR REPLACE PROCEDURE bronze.land_files()
RETURNS VARCHAR
LANGUAGE SQL
COMMENT = 'Reads the files of the landing zone that were not read before.'
EXECUTE AS OWNER
AS
$$
BEGIN
    COPY INTO bronze.landing_files (file_name, body, content_key, last_modified)
    FROM (
        SELECT METADATA$FILENAME, $1, METADATA$FILE_CONTENT_KEY, METADATA$FILE_LAST_MODIFIED
        FROM @bronze.landing_zone
    )
    FILE_FORMAT = (FORMAT_NAME = 'bronze.whole_file')
    PATTERN = '.*[.]json([.]gz)?'
    ON_ERROR = 'SKIP_FILE';
    RETURN 'landed';
END;
$$;

CREATE OR REPLACE PROCEDURE silver.load_silver()
RETURNS VARCHAR
LANGUAGE SQL
COMMENT = 'Decodes, checks and deduplicates the new landing files: first write wins.'
EXECUTE AS OWNER
AS
$$
BEGIN
    BEGIN TRANSACTION;
    INSERT OVERWRITE INTO staging.files SELECT * FROM staging.pending_files;
    INSERT OVERWRITE INTO staging.records SELECT * FROM staging.incoming_records;
    INSERT OVERWRITE INTO staging.fields SELECT * FROM staging.incoming_fields;
    INSERT OVERWRITE INTO staging.decoded_values SELECT * FROM staging.incoming_values;
    INSERT OVERWRITE INTO staging.checked_records SELECT * FROM staging.evaluated_records;
    INSERT OVERWRITE INTO staging.batches SELECT * FROM staging.incoming_batches;

    INSERT INTO silver.data_origin (kind)
    SELECT kind
    FROM staging.batches
    WHERE NOT failed AND NOT EXISTS (SELECT 1 FROM silver.data_origin)
    QUALIFY ROW_NUMBER() OVER (ORDER BY ingested_at, landing_file) = 1;

    MERGE INTO silver.ingestion_batches AS t
    USING (SELECT * FROM staging.batches) AS s ON t.landing_file = s.landing_file
    WHEN MATCHED AND t.status = 'failed' THEN UPDATE SET
        file_sha256 = s.file_sha256, source = s.source, vs_currency = s.vs_currency, ingested_at = s.ingested_at,
        request = s.request, status = s.status, error = s.error,
        records_fetched = s.records_fetched, records_rejected = s.records_rejected, warnings = s.warnings,
        schema_drift = s.schema_drift, loaded_at = s.loaded_at
    WHEN NOT MATCHED THEN
        INSERT (
            landing_file, partition_hour, file_sha256, source, vs_currency, ingested_at, request,
            status, error, records_fetched, records_loaded, records_duplicate, records_rejected,
            warnings, schema_drift, loaded_at
        )
        VALUES (
            s.landing_file, s.partition_hour, s.file_sha256, s.source, s.vs_currency, s.ingested_at,
            s.request, s.status, s.error, s.records_fetched, 0, 0, s.records_rejected,
            s.warnings, s.schema_drift, s.loaded_at
        );

    MERGE INTO silver.cryptocurrencies AS t
    USING (SELECT * FROM staging.incoming_cryptocurrencies) AS s ON t.crypto_id = s.crypto_id
    WHEN MATCHED THEN UPDATE SET
        symbol = s.symbol, name = s.name, image_url = s.image_url,
        first_seen_at = s.first_seen_at, last_seen_at = s.last_seen_at
    WHEN NOT MATCHED THEN
        INSERT (
            -- [[[cog columns(CRYPTOCURRENCIES.columns) ]]]
            crypto_id, symbol, name, image_url, first_seen_at, last_seen_at
            -- [[[end]]]
        )
        VALUES (
            -- [[[cog columns(CRYPTOCURRENCIES.columns, "s.{}") ]]]
            s.crypto_id, s.symbol, s.name, s.image_url, s.first_seen_at, s.last_seen_at
            -- [[[end]]]
        );

    MERGE INTO silver.cryptocurrency_names AS t
    USING (SELECT DISTINCT crypto_id, symbol, name FROM staging.accepted_records) AS s
        ON t.crypto_id = s.crypto_id AND t.symbol = s.symbol AND t.name = s.name
    WHEN NOT MATCHED THEN
        INSERT (crypto_id, symbol, name) VALUES (s.crypto_id, s.symbol, s.name);

    MERGE INTO silver.price_snapshots AS t
    USING (SELECT * FROM staging.incoming_snapshots) AS s
        ON t.crypto_id = s.crypto_id
        AND t.vs_currency = s.vs_currency
        AND t.snapshot_time = s.snapshot_time
    WHEN NOT MATCHED THEN
        INSERT (
            -- [[[cog columns(PRICE_SNAPSHOTS.columns) ]]]
            crypto_id, vs_currency, snapshot_time, last_updated, name_id, batch_id,
            record_index, current_price, high_24h, low_24h, price_change_24h,
            price_change_pct_24h, ath, ath_change_pct, ath_date, atl, atl_change_pct, atl_date
            -- [[[end]]]
        )
        VALUES (
            -- [[[cog columns(PRICE_SNAPSHOTS.columns, "s.{}") ]]]
            s.crypto_id, s.vs_currency, s.snapshot_time, s.last_updated, s.name_id, s.batch_id,
            s.record_index, s.current_price, s.high_24h, s.low_24h, s.price_change_24h,
            s.price_change_pct_24h, s.ath, s.ath_change_pct, s.ath_date, s.atl,
            s.atl_change_pct, s.atl_date
            -- [[[end]]]
        );

    UPDATE silver.ingestion_batches
    SET records_loaded = c.loaded, records_duplicate = c.candidates - c.loaded
    FROM (
        SELECT r.batch_id, COUNT(*) AS candidates, COUNT(s.batch_id) AS loaded
        FROM staging.accepted_records AS r
        LEFT JOIN silver.price_snapshots AS s
            ON s.batch_id = r.batch_id AND s.record_index = r.record_index
        GROUP BY r.batch_id
    ) AS c
    WHERE ingestion_batches.batch_id = c.batch_id;

    MERGE INTO silver.market_metrics AS t
    USING (
        SELECT r.*
        FROM staging.accepted_records AS r
        JOIN silver.price_snapshots AS p
            ON p.batch_id = r.batch_id AND p.record_index = r.record_index
    ) AS s
        ON t.crypto_id = s.crypto_id
        AND t.vs_currency = s.vs_currency
        AND t.snapshot_time = s.snapshot_time
    WHEN NOT MATCHED THEN
        INSERT (
            -- [[[cog columns(MARKET_METRICS.columns) ]]]
            crypto_id, vs_currency, snapshot_time, market_cap, market_cap_rank,
            fully_diluted_valuation, total_volume, market_cap_change_24h,
            market_cap_change_pct_24h, circulating_supply, total_supply, max_supply, roi_times,
            roi_currency, roi_percentage, market_cap_rank_with_rehypothecated
            -- [[[end]]]
        )
        VALUES (
            -- [[[cog columns(MARKET_METRICS.columns, "s.{}") ]]]
            s.crypto_id, s.vs_currency, s.snapshot_time, s.market_cap, s.market_cap_rank,
            s.fully_diluted_valuation, s.total_volume, s.market_cap_change_24h,
            s.market_cap_change_pct_24h, s.circulating_supply, s.total_supply, s.max_supply,
            s.roi_times, s.roi_currency, s.roi_percentage, s.market_cap_rank_with_rehypothecated
            -- [[[end]]]
        );

    INSERT INTO silver.unrepresentable_values (
        batch_id, record_index, crypto_id, vs_currency, snapshot_time,
        column_name, exact_value, reason
    )
    SELECT
        p.batch_id, p.record_index, p.crypto_id, p.vs_currency, p.snapshot_time,
        v.column_name, v.plain, v.unrepresentable
    FROM staging.decoded_values AS v
    JOIN silver.ingestion_batches AS b ON b.landing_file = v.landing_file AND b.status = 'loading'
    JOIN silver.price_snapshots AS p
        ON p.batch_id = b.batch_id AND p.record_index = v.record_index
    WHERE v.unrepresentable IS NOT NULL;

    MERGE INTO silver.rejected_records AS t
    USING (
        SELECT
            b.batch_id,
            c.record_index,
            LEFT(c.crypto_id, 200) AS crypto_id,
            c.rejected_by AS rules,
            c.reason,
            -- The numbers are numbers again, NaN and Infinity what they were.
            COALESCE(
                REGEXP_REPLACE(TO_JSON(c.record), '[{]"#number":"([^"]*)"[}]', '\\1'), 'null'
            ) AS record,
            SYSDATE()::TIMESTAMP_NTZ(6) AS rejected_at
        FROM staging.checked_records AS c
        JOIN silver.ingestion_batches AS b
            ON b.landing_file = c.landing_file AND b.status IN ('loading', 'failed')
        WHERE ARRAY_SIZE(c.rejected_by) > 0
    ) AS s
        ON t.batch_id = s.batch_id AND t.record_index = s.record_index
    WHEN MATCHED THEN UPDATE SET rules = s.rules, reason = s.reason
    WHEN NOT MATCHED THEN
        INSERT (
            -- [[[cog columns(snowflake.given(REJECTED_RECORDS)) ]]]
            batch_id, record_index, crypto_id, rules, reason, record, rejected_at
            -- [[[end]]]
        )
        VALUES (
            -- [[[cog columns(snowflake.given(REJECTED_RECORDS), "s.{}") ]]]
            s.batch_id, s.record_index, s.crypto_id, s.rules, s.reason, s.record, s.rejected_at
            -- [[[end]]]
        );

    UPDATE silver.ingestion_batches SET status = 'completed' WHERE status = 'loading';
    COMMIT;
    RETURN 'silver is loaded';
EXCEPTION
    WHEN OTHER THEN
        ROLLBACK;
        RAISE;
END;
$$;

CREATE OR REPLACE PROCEDURE analytics.load_gold()
RETURNS VARCHAR
LANGUAGE SQL
COMMENT = 'Carries the batches that wait for it into the star schema.'
EXECUTE AS OWNER
AS
$$
BEGIN
    BEGIN TRANSACTION;
    INSERT OVERWRITE INTO staging.gold_batches SELECT * FROM staging.pending_batches;

    MERGE INTO analytics.dim_date AS t
    USING (SELECT * FROM staging.incoming_dim_date) AS s ON t.date_key = s.date_key
    WHEN NOT MATCHED THEN
        INSERT (
            -- [[[cog columns(DIM_DATE.columns) ]]]
            date_key, full_date, calendar_year, quarter_of_year, month_of_year, month_name,
            day_of_month, day_of_year, day_of_week, day_name, iso_year, iso_week, is_weekend
            -- [[[end]]]
        )
        VALUES (
            -- [[[cog columns(DIM_DATE.columns, "s.{}") ]]]
            s.date_key, s.full_date, s.calendar_year, s.quarter_of_year, s.month_of_year,
            s.month_name, s.day_of_month, s.day_of_year, s.day_of_week, s.day_name, s.iso_year,
            s.iso_week, s.is_weekend
            -- [[[end]]]
        );

    MERGE INTO analytics.dim_source AS t
    USING (
        SELECT
            source AS source_name,
            CASE source
                WHEN 'CoinGecko sandbox' THEN 'sandbox' WHEN 'CoinGecko recorded' THEN 'recorded'
                ELSE 'live'
            END AS kind,
            MIN(ingested_at) AS first_ingested_at,
            MAX(ingested_at) AS last_ingested_at
        FROM staging.gold_batches
        GROUP BY source
    ) AS s
        ON t.source_name = s.source_name
    WHEN MATCHED AND (
        s.first_ingested_at < t.first_ingested_at OR s.last_ingested_at > t.last_ingested_at
    ) THEN UPDATE SET
        first_ingested_at = LEAST(t.first_ingested_at, s.first_ingested_at),
        last_ingested_at = GREATEST(t.last_ingested_at, s.last_ingested_at)
    WHEN NOT MATCHED THEN
        INSERT (
            -- [[[cog columns(snowflake.given(DIM_SOURCE)) ]]]
            source_name, kind, first_ingested_at, last_ingested_at
            -- [[[end]]]
        )
        VALUES (
            -- [[[cog columns(snowflake.given(DIM_SOURCE), "s.{}") ]]]
            s.source_name, s.kind, s.first_ingested_at, s.last_ingested_at
            -- [[[end]]]
        );

    INSERT OVERWRITE INTO staging.versions SELECT * FROM staging.incoming_versions;
    MERGE INTO analytics.dim_cryptocurrency AS t
    USING (
        SELECT v.*, SYSDATE()::TIMESTAMP_NTZ(6) AS revised_at
        FROM staging.versions AS v
    ) AS s
        ON t.crypto_key = s.crypto_key
    WHEN MATCHED AND (t.valid_from <> s.valid_from OR t.valid_to <> s.valid_to) THEN UPDATE SET
        valid_from = s.valid_from, valid_to = s.valid_to, is_current = s.is_current,
        revised_at = s.revised_at
    WHEN NOT MATCHED THEN
        INSERT (
            -- [[[cog columns(snowflake.given(DIM_CRYPTOCURRENCY)) ]]]
            crypto_id, symbol, name, valid_from, valid_to, is_current, revised_at, image_url
            -- [[[end]]]
        )
        VALUES (
            -- [[[cog columns(snowflake.given(DIM_CRYPTOCURRENCY), "s.{}") ]]]
            s.crypto_id, s.symbol, s.name, s.valid_from, s.valid_to, s.is_current, s.revised_at,
            s.image_url
            -- [[[end]]]
        );

    -- All versions of a coin show its current logo. That revises no version.
    UPDATE analytics.dim_cryptocurrency
    SET image_url = c.image_url
    FROM silver.cryptocurrencies AS c
    WHERE dim_cryptocurrency.crypto_id = c.crypto_id
        AND dim_cryptocurrency.image_url IS DISTINCT FROM c.image_url;

    -- A late file can split a version: facts loaded before then point at a version that no longer
    -- covers them.
    UPDATE analytics.fact_crypto_price_metrics
    SET crypto_key = c.crypto_key
    FROM (
        SELECT d.crypto_key, d.crypto_id, d.valid_from, d.valid_to
        FROM analytics.dim_cryptocurrency AS d
        WHERE d.crypto_id IN (SELECT crypto_id FROM staging.versions)
    ) AS c
    WHERE fact_crypto_price_metrics.crypto_id = c.crypto_id
        AND c.valid_from <= fact_crypto_price_metrics.last_updated
        AND fact_crypto_price_metrics.last_updated < c.valid_to
        AND fact_crypto_price_metrics.crypto_key <> c.crypto_key;

    MERGE INTO analytics.fact_crypto_price_metrics AS t
    USING (SELECT * FROM staging.incoming_facts) AS s
        ON t.crypto_id = s.crypto_id
        AND t.vs_currency = s.vs_currency
        AND t.snapshot_time = s.snapshot_time
    WHEN NOT MATCHED THEN
        INSERT (
            -- [[[cog columns(FACT.columns) ]]]
            date_key, time_key, crypto_key, source_key, crypto_id, vs_currency, snapshot_time,
            last_updated, batch_id, current_price, high_24h, low_24h, price_change_24h,
            price_change_pct_24h, ath, ath_change_pct, atl, atl_change_pct, market_cap,
            market_cap_rank, fully_diluted_valuation, total_volume, market_cap_change_24h,
            market_cap_change_pct_24h, circulating_supply, total_supply, max_supply, roi_times,
            roi_percentage, market_cap_rank_with_rehypothecated, load_timestamp
            -- [[[end]]]
        )
        VALUES (
            -- [[[cog columns(FACT.columns, "s.{}") ]]]
            s.date_key, s.time_key, s.crypto_key, s.source_key, s.crypto_id, s.vs_currency,
            s.snapshot_time, s.last_updated, s.batch_id, s.current_price, s.high_24h, s.low_24h,
            s.price_change_24h, s.price_change_pct_24h, s.ath, s.ath_change_pct, s.atl,
            s.atl_change_pct, s.market_cap, s.market_cap_rank, s.fully_diluted_valuation,
            s.total_volume, s.market_cap_change_24h, s.market_cap_change_pct_24h,
            s.circulating_supply, s.total_supply, s.max_supply, s.roi_times, s.roi_percentage,
            s.market_cap_rank_with_rehypothecated, s.load_timestamp
            -- [[[end]]]
        );

    UPDATE silver.ingestion_batches
    SET gold_loaded_at = g.load_timestamp
    FROM staging.gold_batches AS g
    WHERE ingestion_batches.batch_id = g.batch_id;
    COMMIT;
    RETURN 'gold is loaded';
EXCEPTION
    WHEN OTHER THEN
        ROLLBACK;
        RAISE;
END;
$$;
