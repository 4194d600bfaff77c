-- What the consensus is computed anew of, in this transaction: the hours in which a further source was asked,
-- of the coins that are mapped, where something is new: answers, candles, mappings. It costs what is new,
-- and the hours that were asked, a few thousand a year.
CREATE TEMPORARY TABLE consensus_reading ON COMMIT DROP AS SELECT statement_timestamp() AS read_until;

CREATE TEMPORARY TABLE mapped_coins ON COMMIT DROP AS
SELECT source, source_coin_id, crypto_id FROM coin_mappings WHERE revoked_at IS NULL;

CREATE TEMPORARY TABLE pending_quote_batches ON COMMIT DROP AS
SELECT quote_batch_id FROM quote_batches WHERE status = 'completed' AND consensus_loaded_at IS NULL;

CREATE TEMPORARY TABLE asked_hours ON COMMIT DROP AS
SELECT
    b.source, c.vs_currency, hour_floor(b.ingested_at) AS hour_start,
    bool_or(b.consensus_loaded_at IS NULL) AS is_new
FROM quote_batches AS b CROSS JOIN unnest(b.vs_currencies) AS c (vs_currency)
WHERE b.status = 'completed'
GROUP BY b.source, c.vs_currency, hour_floor(b.ingested_at);

CREATE TEMPORARY TABLE remapped_coins ON COMMIT DROP AS
SELECT DISTINCT m.crypto_id
FROM coin_mappings AS m CROSS JOIN consensus_state AS s
WHERE greatest(m.confirmed_at, m.revoked_at) >= s.read_until;

ANALYZE mapped_coins, pending_quote_batches, asked_hours;

CREATE TEMPORARY TABLE consensus_hours ON COMMIT DROP AS
SELECT m.crypto_id, a.vs_currency, a.hour_start
FROM asked_hours AS a JOIN mapped_coins AS m USING (source)
WHERE a.is_new OR m.crypto_id IN (SELECT crypto_id FROM remapped_coins)
UNION
SELECT m.crypto_id, q.vs_currency, a.hour_start
FROM pending_quote_batches AS b
JOIN price_quotes AS q USING (quote_batch_id)
JOIN mapped_coins AS m USING (source, source_coin_id)
-- Whoever of the coin's sources was asked then.
JOIN mapped_coins AS o USING (crypto_id)
JOIN asked_hours AS a
    ON (a.source, a.vs_currency, a.hour_start)
        = (o.source, q.vs_currency, hour_floor(q.last_updated))
UNION
SELECT f.crypto_id, f.vs_currency, f.hour_start
FROM analytics.fact_crypto_price_hourly AS f
JOIN mapped_coins AS m USING (crypto_id)
JOIN asked_hours AS a USING (source, vs_currency, hour_start)
CROSS JOIN consensus_state AS s
WHERE f.load_timestamp >= s.read_until
UNION
SELECT f.crypto_id, f.vs_currency, f.hour_start
FROM analytics.fact_crypto_price_consensus AS f
WHERE f.crypto_id IN (SELECT crypto_id FROM remapped_coins);

ANALYZE consensus_hours;
