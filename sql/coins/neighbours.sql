-- What an answer means among those that are loaded: whether it says the same as the one before it,
-- and when the one after it takes over. Of two answers of one moment, the one with the later path counts.
SELECT
    (
        SELECT b.body_sha256 FROM coin_list_batches AS b
        WHERE b.status = 'completed' AND b.is_active = %(is_active)s
            AND (b.ingested_at, b.landing_file) < (%(ingested_at)s, %(landing_file)s)
        ORDER BY b.ingested_at DESC, b.landing_file DESC
        LIMIT 1
    ) AS body_before,
    (
        SELECT b.ingested_at FROM coin_list_batches AS b
        WHERE b.status = 'completed' AND b.is_active = %(is_active)s
            AND (b.ingested_at, b.landing_file) > (%(ingested_at)s, %(landing_file)s)
        ORDER BY b.ingested_at, b.landing_file
        LIMIT 1
    ) AS next_at
