-- Confirm every suggestion of a source that is the only one of its kind on both sides, whose symbols are the
-- same and whose contracts do not speak against it.
INSERT INTO coin_mappings (source, source_coin_id, crypto_id, evidence, confirmed_by)
SELECT s.source, s.source_coin_id, s.crypto_id, s.evidence, %(by)s
FROM coin_mapping_suggestions AS s
WHERE s.source = %(source)s AND s.is_only_one AND s.is_same_symbol AND NOT s.have_other_contracts
RETURNING source_coin_id
