-- The hours whose candle changes in this transaction: their days are made anew.
CREATE TEMPORARY TABLE changed_hours (
    crypto_id text NOT NULL,
    vs_currency text NOT NULL,
    hour_start timestamptz NOT NULL
) ON COMMIT DROP;
