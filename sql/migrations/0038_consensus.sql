-- The consensus of the sources: what they say of a coin's price in an hour, and how far they part.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

CREATE FUNCTION consensus_tolerance() RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 0.02;
COMMENT ON FUNCTION consensus_tolerance() IS
    'Share of the median by which prices of an hour may part: sources sample different exchanges at different minutes.';

CREATE FUNCTION median_of_sorted(sorted numeric[]) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN mod(cardinality(sorted), 2) = 1 THEN sorted[(cardinality(sorted) + 1) / 2]
    -- Times a half is exact; divided by two need not be.
    ELSE trim_scale((sorted[cardinality(sorted) / 2] + sorted[cardinality(sorted) / 2 + 1]) * 0.5)
END;
COMMENT ON FUNCTION median_of_sorted(numeric[]) IS
    'Median of numbers that are sorted, exact; of an even count the mean of the two in the middle.';

CREATE FUNCTION mean_price(total numeric, observations bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- As the candles have it: a single price as it is.
RETURN CASE WHEN observations = 1 THEN total ELSE round(total / observations::numeric(38, 26), 26) END;
COMMENT ON FUNCTION mean_price(numeric, bigint) IS
    'Mean of prices by their sum and count, of several rounded to 26 decimals.';

CREATE TABLE analytics.fact_crypto_price_consensus (
    date_key integer NOT NULL,
    time_key smallint NOT NULL,
    crypto_id text NOT NULL,
    vs_currency text NOT NULL,
    hour_start timestamptz NOT NULL,
    median_price numeric NOT NULL,
    lowest_price numeric NOT NULL,
    highest_price numeric NOT NULL,
    spread_share numeric NOT NULL CONSTRAINT spread_not_negative CHECK (spread_share >= 0),
    source_count smallint NOT NULL CONSTRAINT some_source CHECK (source_count > 0),
    source_prices jsonb NOT NULL,
    left_out jsonb NOT NULL,
    load_timestamp timestamptz NOT NULL DEFAULT statement_timestamp(),
    PRIMARY KEY (crypto_id, vs_currency, hour_start),
    CONSTRAINT on_the_hour CHECK (hour_start = hour_floor(hour_start)),
    CONSTRAINT median_between CHECK (
        lowest_price > 0 AND median_price BETWEEN lowest_price AND highest_price
    )
);
CREATE INDEX fact_crypto_price_consensus_hour ON analytics.fact_crypto_price_consensus (hour_start);

CREATE TABLE consensus_state (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT one_row CHECK (only_row),
    read_until timestamptz NOT NULL
);
INSERT INTO consensus_state (read_until) VALUES ('1970-01-01 00:00:00+00');

-- A role that may only load deletes nothing; of the consensus it may drop the hours that it computes anew.
CREATE FUNCTION drop_consensus(crypto_ids text[], vs_currencies text[], hours timestamptz[])
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM analytics.fact_crypto_price_consensus AS f
    USING unnest(crypto_ids, vs_currencies, hours) AS h (crypto_id, vs_currency, hour_start)
    WHERE (f.crypto_id, f.vs_currency, f.hour_start) = (h.crypto_id, h.vs_currency, h.hour_start)
$$;
REVOKE EXECUTE ON FUNCTION drop_consensus(text[], text[], timestamptz[]) FROM PUBLIC;
COMMENT ON FUNCTION drop_consensus(text[], text[], timestamptz[]) IS
    'Deletes rows of the consensus, by coin, currency and hour.';

CREATE VIEW analytics.v_source_prices AS
SELECT
    f.crypto_id, f.vs_currency, f.hour_start, f.source_key, f.mean_price AS price,
    f.observations::bigint AS observations
FROM analytics.fact_crypto_price_hourly AS f
UNION ALL
SELECT
    m.crypto_id, q.vs_currency, hour_floor(q.last_updated) AS hour_start, s.source_key,
    mean_price(sum(q.price), count(*)), count(*)
FROM price_quotes AS q
JOIN coin_mappings AS m
    ON (m.source, m.source_coin_id) = (q.source, q.source_coin_id) AND m.revoked_at IS NULL
JOIN analytics.dim_source AS s ON s.source_name = q.source
GROUP BY m.crypto_id, q.vs_currency, hour_floor(q.last_updated), s.source_key;

CREATE OR REPLACE FUNCTION loading.empty_quotes() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    TRUNCATE analytics.fact_crypto_price_consensus, rejected_quotes, quoted_candles, price_quotes,
        quoted_contracts, quoted_coins, quote_batches;
    UPDATE consensus_state SET read_until = '1970-01-01 00:00:00+00';
    RETURN NULL;
END
$$;
