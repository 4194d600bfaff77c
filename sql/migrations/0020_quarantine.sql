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

-- A version of a coin begins with a snapshot. Where a replay gives the bucket of that one to another record,
-- the version begins with its next snapshot; without any, it never was.
CREATE FUNCTION revise_version_starts(coins text[], starts timestamptz[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    asked record;
    version analytics.dim_cryptocurrency;
    before analytics.dim_cryptocurrency;
    after analytics.dim_cryptocurrency;
    first_observed timestamptz;
    ends timestamptz;
BEGIN
    PERFORM lock_warehouse();
    FOR asked IN
        SELECT DISTINCT crypto_id, starts_at FROM unnest(coins, starts) AS u (crypto_id, starts_at)
        ORDER BY crypto_id, starts_at
    LOOP
        SELECT * INTO version FROM analytics.dim_cryptocurrency
        WHERE crypto_id = asked.crypto_id AND valid_from = asked.starts_at;
        CONTINUE WHEN NOT FOUND;
        -- A bucket is at most two and a half minutes from its last_updated: the index knows the former.
        SELECT min(s.last_updated) INTO first_observed
        FROM price_snapshots AS s
        JOIN cryptocurrency_names AS n USING (name_id)
        WHERE s.crypto_id = version.crypto_id
            AND s.snapshot_time >= version.valid_from - interval '5 minutes'
            AND s.last_updated >= version.valid_from AND s.last_updated < version.valid_to
            AND (n.symbol, n.name) = (version.symbol, version.name);
        CONTINUE WHEN first_observed = version.valid_from;
        SELECT * INTO before FROM analytics.dim_cryptocurrency
        WHERE crypto_id = version.crypto_id AND valid_to = version.valid_from;
        IF first_observed IS NOT NULL THEN
            UPDATE analytics.dim_cryptocurrency SET valid_from = first_observed, revised_at = now()
            WHERE crypto_key = version.crypto_key;
            ends := first_observed;
        ELSE
            ends := version.valid_to;
            -- What has its key is the fact of the bucket, which is about to be written anew.
            UPDATE analytics.fact_crypto_price_metrics SET crypto_key = coalesce(before.crypto_key, -1)
            WHERE crypto_key = version.crypto_key;
            DELETE FROM analytics.dim_cryptocurrency WHERE crypto_key = version.crypto_key;
            -- The versions on both sides of it may be one.
            SELECT * INTO after FROM analytics.dim_cryptocurrency
            WHERE crypto_id = version.crypto_id AND valid_from = version.valid_to
                AND (symbol, name) = (before.symbol, before.name);
            IF FOUND THEN
                ends := after.valid_to;
                UPDATE analytics.fact_crypto_price_metrics SET crypto_key = before.crypto_key
                WHERE crypto_key = after.crypto_key;
                DELETE FROM analytics.dim_cryptocurrency WHERE crypto_key = after.crypto_key;
            END IF;
        END IF;
        UPDATE analytics.dim_cryptocurrency
        SET
            valid_to = ends,
            is_current = ends = timestamptz '9999-12-31 00:00:00+00',
            revised_at = now()
        WHERE crypto_key = before.crypto_key;
    END LOOP;
END
$$;
COMMENT ON FUNCTION revise_version_starts(text[], timestamptz[]) IS
    'Lets the versions of coins that begin at the given times begin with their first snapshot, or end them where they have none.';
REVOKE EXECUTE ON FUNCTION revise_version_starts(text[], timestamptz[]) FROM PUBLIC;

-- A first write that was in quarantine changes what every later file of the same coin said: which point has a
-- bucket, and what restates it. So all files of such a coin are loaded once more, in their order.
CREATE FUNCTION unload_history(coins text[], currencies text[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    batches bigint;
BEGIN
    PERFORM lock_warehouse();
    DELETE FROM price_corrections AS t USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency);
    DELETE FROM source_candles AS t USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency);
    DELETE FROM price_points AS t USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency);
    DELETE FROM analytics.fact_crypto_price_hourly AS t
    USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency) AND t.origin <> 'snapshot';
    DELETE FROM analytics.fact_crypto_price_daily AS t
    USING unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency) AND t.origin <> 'snapshot';
    UPDATE history_batches AS t
    SET status = 'failed', error = 'not loaded once more', points_loaded = 0, points_restated = 0
    FROM unnest(coins, currencies) AS s (crypto_id, vs_currency)
    WHERE (t.crypto_id, t.vs_currency) = (s.crypto_id, s.vs_currency) AND t.status = 'completed';
    GET DIAGNOSTICS batches = ROW_COUNT;
    RETURN batches;
END
$$;
COMMENT ON FUNCTION unload_history(text[], text[]) IS
    'Takes out the points of some coins, each in a currency, with their corrections and candles, and answers from how many batches: whoever calls it loads these again in the same transaction. Batches and quarantine stay.';
REVOKE EXECUTE ON FUNCTION unload_history(text[], text[]) FROM PUBLIC;
