-- What says when a file's records were fetched, which run loaded them, and how long a text may be.
-- Runs once, in one transaction; never edited after release: a change is a new migration.

-- Files loaded so far said it themselves.
ALTER TABLE ingestion_batches
    ADD COLUMN ingested_at_origin text DEFAULT 'envelope'
        CONSTRAINT known_origin CHECK (
            ingested_at_origin IN ('envelope', 'file_name', 'last_updated')
        );
ALTER TABLE ingestion_batches ALTER COLUMN ingested_at_origin DROP DEFAULT;
UPDATE ingestion_batches SET ingested_at_origin = NULL WHERE ingested_at IS NULL;

-- A load says in its transaction which run it is of.
CREATE FUNCTION current_run_id() RETURNS text
LANGUAGE sql STABLE
RETURN nullif(current_setting('crypto_pipeline.run_id', true), '');
COMMENT ON FUNCTION current_run_id() IS
    'The Dagster run that this transaction is of; null of one that is of none.';
ALTER TABLE ingestion_batches ADD COLUMN run_id text;
ALTER TABLE ingestion_batches ALTER COLUMN run_id SET DEFAULT current_run_id();

-- An entry of an index ends at 2,704 bytes; the key of cryptocurrency_names has three of these texts.
-- Not validated: what is there has room in its index, and a coin that is longer is refused from now on.
ALTER TABLE cryptocurrencies
    ADD CONSTRAINT texts_short CHECK (
        length(crypto_id) <= 200
        AND length(symbol) <= 200
        AND length(name) <= 200
        AND length(image_url) <= 2000
    ) NOT VALID;
ALTER TABLE cryptocurrency_names
    ADD CONSTRAINT texts_short CHECK (
        length(crypto_id) <= 200
        AND length(symbol) <= 200
        AND length(name) <= 200
    ) NOT VALID;
ALTER TABLE market_metrics
    ADD CONSTRAINT texts_short CHECK (length(roi_currency) <= 200);
