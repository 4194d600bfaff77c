-- How far a check of some hours looks: into the months that their batches reach, and into the one of
-- the hours. A batch that has fewer snapshots than it says is looked for everywhere. What would be
-- beyond that, a check of all hours finds, which sees everything.
SELECT create_pruned_views(CASE WHEN %(start)s::timestamptz IS NOT NULL THEN (
    SELECT array_agg(DISTINCT month)
    FROM unnest(
        months_of_batches(ARRAY(SELECT batch_id FROM scoped_batches WHERE status = 'completed'))
        || date_trunc('month', %(start)s::timestamptz, 'UTC')
    ) AS month
) END)
