-- The quarantine: which version of a rule rejected a record or a point, and what became of it since.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

ALTER TABLE rejected_records
    ADD COLUMN rule_versions integer[],
    ADD COLUMN resolved_at timestamptz,
    ADD COLUMN resolved_batch_id bigint REFERENCES ingestion_batches;
-- Rules had no versions before: theirs is the first.
UPDATE rejected_records SET rule_versions = array_fill(1, ARRAY[cardinality(rules)]);
ALTER TABLE rejected_records
    ALTER COLUMN rule_versions SET NOT NULL,
    ADD CONSTRAINT rules_have_versions CHECK (cardinality(rule_versions) = cardinality(rules)),
    ADD CONSTRAINT resolved_by_a_batch CHECK (num_nulls(resolved_at, resolved_batch_id) <> 1);

ALTER TABLE rejected_points
    ADD COLUMN rule_versions integer[],
    ADD COLUMN resolved_at timestamptz,
    ADD COLUMN resolved_history_batch_id bigint REFERENCES history_batches;
UPDATE rejected_points SET rule_versions = array_fill(1, ARRAY[cardinality(rules)]);
ALTER TABLE rejected_points
    ALTER COLUMN rule_versions SET NOT NULL,
    ADD CONSTRAINT rules_have_versions CHECK (cardinality(rule_versions) = cardinality(rules)),
    ADD CONSTRAINT resolved_by_a_batch CHECK (
        num_nulls(resolved_at, resolved_history_batch_id) <> 1
    );
