-- Staging of one answer of the list of coins, for one transaction: what it says.
CREATE TEMPORARY TABLE staged_coins (
    crypto_id text NOT NULL,
    symbol text NOT NULL,
    name text NOT NULL
) ON COMMIT DROP;

CREATE TEMPORARY TABLE staged_contracts (
    crypto_id text NOT NULL,
    platform text NOT NULL,
    contract_address text NOT NULL
) ON COMMIT DROP;
