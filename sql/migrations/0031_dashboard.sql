-- What the dashboard's page of the pipeline shows, for those who read: no file names, no errors, no
-- records, no runs. Runs once, in one transaction; never edited after release.

CREATE VIEW v_pipeline_batches AS
SELECT
    batch_id, source, vs_currency, partition_hour, ingested_at, status, records_fetched,
    records_loaded, records_duplicate, records_rejected, loaded_at, gold_loaded_at
FROM ingestion_batches;

-- By when the source was asked: a bulk load rejects a year in a minute.
CREATE VIEW v_pipeline_rejections AS
SELECT
    coalesce(b.ingested_at, b.partition_hour) AS ingested_at, t.rule, r.crypto_id, b.vs_currency,
    r.rejected_at, r.resolved_at
FROM rejected_records AS r
JOIN ingestion_batches AS b USING (batch_id)
CROSS JOIN unnest(r.rules) AS t (rule)
UNION ALL
SELECT
    coalesce(b.ingested_at, b.loaded_at), t.rule, b.crypto_id, b.vs_currency, r.rejected_at,
    r.resolved_at
FROM rejected_points AS r
JOIN history_batches AS b USING (history_batch_id)
CROSS JOIN unnest(r.rules) AS t (rule);

CREATE VIEW v_pipeline_requests AS
SELECT sent_at, plan, endpoint, http_status, credits, received_bytes, duration_ms, is_cached
FROM api_requests;
