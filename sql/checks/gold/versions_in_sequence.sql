-- Two versions of a coin overlap or leave a hole, or its last one is not the current one.
SELECT crypto_id, valid_from, valid_to, next_valid_from
FROM (
    SELECT
        crypto_id, valid_from, valid_to, is_current,
        lead(valid_from) OVER (PARTITION BY crypto_id ORDER BY valid_from) AS next_valid_from
    FROM analytics.dim_cryptocurrency
) AS versions
WHERE valid_to <> coalesce(next_valid_from, timestamptz '9999-12-31 00:00:00+00')
    OR is_current <> (next_valid_from IS NULL)
