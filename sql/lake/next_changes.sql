-- The changes that a lake has next: a run of one kind, as many as have so many facts together (but
-- at least one); a start takes the batches after it along.
WITH waiting AS (
    SELECT
        c.change_id, c.kind, c.batch_id, c.crypto_id, c.first_snapshot, c.last_snapshot,
        coalesce(b.records_loaded, 0) AS facts
    FROM lake.changes AS c
    LEFT JOIN public.ingestion_batches AS b USING (batch_id)
    WHERE c.change_id > %(after)s
    ORDER BY c.change_id
    LIMIT %(changes)s
),
counted AS (
    SELECT
        *,
        sum(facts) OVER earlier - facts AS facts_before,
        first_value(kind) OVER earlier AS first_kind,
        count(*) FILTER (WHERE kind = 'batch') OVER earlier AS batches_so_far,
        count(*) FILTER (WHERE kind = 'coin') OVER earlier AS coins_so_far,
        row_number() OVER earlier AS place
    FROM waiting
    WINDOW earlier AS (ORDER BY change_id)
)
SELECT change_id, kind, batch_id, crypto_id, first_snapshot, last_snapshot
FROM counted
WHERE place = 1
    OR (place = 2 AND first_kind = 'start' AND kind = 'batch')
    OR (
        facts_before + facts <= %(facts)s
        AND (batches_so_far = 0 OR coins_so_far = 0)
        AND NOT (first_kind = 'start' AND coins_so_far > 0)
    )
ORDER BY change_id
