-- The versions of a coin follow each other without a gap, and only the last is current.
SELECT crypto_id, valid_from, valid_to
FROM (
    SELECT
        *, lead(valid_from) OVER (PARTITION BY crypto_id ORDER BY valid_from) AS next_from
    FROM {lake}.dim_cryptocurrency
) AS versions
WHERE valid_from >= valid_to
    OR is_current <> (next_from IS NULL)
    OR valid_to <> coalesce(next_from, CAST('9999-12-31 00:00:00+00' AS TIMESTAMP))
