-- What a lake beside the warehouse needs to follow it: which facts changed, in the order in which
-- that became visible, and numbers that fit its decimals.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

CREATE SCHEMA lake;
COMMENT ON SCHEMA lake IS 'What a copy of the star schema needs to follow it.';

-- A number alone would do for one database. Where the database is made anew, a lake that followed
-- the old one must see that all it has is void: a start is numbered by the clock, in microseconds,
-- so it is above every number that an older database has given.
CREATE SEQUENCE lake.change_ids;

CREATE TABLE lake.changes (
    change_id bigint PRIMARY KEY,
    kind text NOT NULL CONSTRAINT known_kind CHECK (kind IN ('start', 'batch', 'coin')),
    batch_id bigint,
    crypto_id text,
    first_snapshot timestamptz,
    last_snapshot timestamptz,
    CONSTRAINT says_what_changed CHECK (
        num_nonnulls(batch_id) = CASE kind WHEN 'batch' THEN 1 ELSE 0 END
        AND num_nonnulls(crypto_id, first_snapshot, last_snapshot)
            = CASE kind WHEN 'coin' THEN 3 ELSE 0 END
    )
);
COMMENT ON TABLE lake.changes IS
    'The changes of the fact table since its start, in the order in which they became visible. A copy that has those up to a number goes on with the next.';
COMMENT ON COLUMN lake.changes.change_id IS 'Number of the change; a later one is larger, also over databases that were made anew.';
COMMENT ON COLUMN lake.changes.kind IS 'start: the facts before it are void; batch: the facts of batch_id were loaded; coin: facts of crypto_id from first_snapshot to last_snapshot were changed.';
COMMENT ON COLUMN lake.changes.batch_id IS 'The batch whose facts were loaded.';
COMMENT ON COLUMN lake.changes.crypto_id IS 'The coin some of whose facts were changed.';
COMMENT ON COLUMN lake.changes.first_snapshot IS 'snapshot_time of the first of them.';
COMMENT ON COLUMN lake.changes.last_snapshot IS 'snapshot_time of the last of them.';

CREATE FUNCTION lake.start_over() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    start bigint;
BEGIN
    PERFORM public.lock_warehouse();
    DELETE FROM lake.changes;
    SELECT setval('lake.change_ids', greatest(
        nextval('lake.change_ids'), (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
    )) INTO start;
    INSERT INTO lake.changes (change_id, kind) VALUES (start, 'start');
    INSERT INTO lake.changes (change_id, kind, batch_id)
    SELECT nextval('lake.change_ids'), 'batch', batch_id
    FROM (
        SELECT batch_id FROM public.ingestion_batches WHERE gold_loaded_at IS NOT NULL
        ORDER BY batch_id
    ) AS loaded;
    RETURN start;
END
$$;
COMMENT ON FUNCTION lake.start_over() IS
    'Makes every lake load all facts anew; answers the number of the start.';

-- The numbers are given under the lock of the loads, which ends after the commit: whoever sees a
-- number sees all smaller ones. What writes facts without that lock takes it here.
CREATE FUNCTION lake.batch_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.lock_warehouse();
    INSERT INTO lake.changes (change_id, kind, batch_id)
    VALUES (nextval('lake.change_ids'), 'batch', NEW.batch_id);
    RETURN NULL;
END
$$;

CREATE FUNCTION lake.facts_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM changed) THEN
        PERFORM public.lock_warehouse();
        INSERT INTO lake.changes (change_id, kind, crypto_id, first_snapshot, last_snapshot)
        SELECT nextval('lake.change_ids'), 'coin', crypto_id, min(snapshot_time), max(snapshot_time)
        FROM changed
        GROUP BY crypto_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION lake.facts_deleted() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM gone) THEN
        PERFORM lake.start_over();
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION lake.facts_truncated() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lake.start_over();
    RETURN NULL;
END
$$;

-- A batch has its facts when it is marked as loaded: few rows, where a trigger on the facts would
-- see them all. Retention drops partitions, which is no DELETE: a copy keeps those months.
CREATE TRIGGER lake_batch_marked AFTER UPDATE OF gold_loaded_at ON public.ingestion_batches
    FOR EACH ROW
    WHEN (NEW.gold_loaded_at IS NOT NULL AND NEW.gold_loaded_at IS DISTINCT FROM OLD.gold_loaded_at)
    EXECUTE FUNCTION lake.batch_changed();
CREATE TRIGGER lake_batch_inserted AFTER INSERT ON public.ingestion_batches
    FOR EACH ROW WHEN (NEW.gold_loaded_at IS NOT NULL)
    EXECUTE FUNCTION lake.batch_changed();
CREATE TRIGGER lake_facts_changed AFTER UPDATE ON analytics.fact_crypto_price_metrics
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION lake.facts_changed();
CREATE TRIGGER lake_facts_deleted AFTER DELETE ON analytics.fact_crypto_price_metrics
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION lake.facts_deleted();
CREATE TRIGGER lake_facts_truncated AFTER TRUNCATE ON analytics.fact_crypto_price_metrics
    FOR EACH STATEMENT EXECUTE FUNCTION lake.facts_truncated();

-- Who repairs by hand with session_replication_role = replica must not leave the lake behind.
ALTER TABLE public.ingestion_batches
    ENABLE ALWAYS TRIGGER lake_batch_marked,
    ENABLE ALWAYS TRIGGER lake_batch_inserted;
ALTER TABLE analytics.fact_crypto_price_metrics
    ENABLE ALWAYS TRIGGER lake_facts_changed,
    ENABLE ALWAYS TRIGGER lake_facts_deleted,
    ENABLE ALWAYS TRIGGER lake_facts_truncated;

SELECT lake.start_over();

CREATE FUNCTION lake.round_half_even(value numeric, decimals integer) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN scale(value) <= decimals THEN value
        -- round() takes a tie away from zero; trunc() is the neighbour towards zero.
        WHEN abs(value - trunc(value, decimals)) * power(10::numeric, decimals) * 2 = 1
            AND mod(trunc(value, decimals) * power(10::numeric, decimals), 2) = 0
            THEN trunc(value, decimals)
        ELSE round(value, decimals)
    END
$$;
COMMENT ON FUNCTION lake.round_half_even(numeric, integer) IS
    'The value with so many digits after the point, a tie to the even neighbour.';

CREATE FUNCTION lake.misfit(value numeric, digits integer, decimals integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN value IN ('NaN', 'Infinity', '-Infinity') THEN 'not a number'
        WHEN abs(lake.round_half_even(value, decimals)) >= power(10::numeric, digits - decimals)
            THEN format('too large for decimal(%s,%s)', digits, decimals)
        WHEN value <> 0 AND lake.round_half_even(value, decimals) = 0
            THEN format('would be zero as decimal(%s,%s)', digits, decimals)
    END
$$;
COMMENT ON FUNCTION lake.misfit(numeric, integer, integer) IS
    'Why a decimal of so many digits, so many of them after the point, cannot hold the value; null if it can.';

CREATE FUNCTION lake.fit(value numeric, digits integer, decimals integer) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN lake.misfit(value, digits, decimals) IS NULL THEN lake.round_half_even(value, decimals)
    END
$$;
COMMENT ON FUNCTION lake.fit(numeric, integer, integer) IS
    'The value as a decimal of so many digits, so many of them after the point, rounded half-even; null if it cannot hold it.';
