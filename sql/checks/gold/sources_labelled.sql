-- A source's kind is not what its label says, or a batch's source is missing.
SELECT b.source, o.kind
FROM scoped_batches
JOIN ingestion_batches AS b USING (batch_id)
LEFT JOIN analytics.dim_source AS o ON o.source_name = b.source
WHERE b.status = 'completed' AND o.kind IS DISTINCT FROM source_kind(b.source)
