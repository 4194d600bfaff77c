-- The newest change of the facts that is visible.
SELECT max(change_id) FROM lake.changes
