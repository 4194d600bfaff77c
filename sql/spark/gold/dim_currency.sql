-- The currencies: those of CoinGecko's /simple/supported_vs_currencies as sql/migrations/0016_currencies.sql
-- describes them, and any other in which a price was asked for.
MERGE INTO {lake}.dim_currency AS t
USING (
    WITH described AS (
        SELECT vs_currency, currency_name, kind, CAST(decimals AS SMALLINT) AS display_decimals
        FROM VALUES
            ('aed', 'United Arab Emirates dirham', 'fiat', 2),
            ('ars', 'Argentine peso', 'fiat', 2),
            ('aud', 'Australian dollar', 'fiat', 2),
            ('bch', 'Bitcoin Cash', 'crypto', 8),
            ('bdt', 'Bangladeshi taka', 'fiat', 2),
            ('bhd', 'Bahraini dinar', 'fiat', 3),
            ('bits', 'Bits (millionths of a bitcoin)', 'crypto', 2),
            ('bmd', 'Bermudian dollar', 'fiat', 2),
            ('bnb', 'BNB', 'crypto', 8),
            ('brl', 'Brazilian real', 'fiat', 2),
            ('btc', 'Bitcoin', 'crypto', 8),
            ('cad', 'Canadian dollar', 'fiat', 2),
            ('chf', 'Swiss franc', 'fiat', 2),
            ('clp', 'Chilean peso', 'fiat', 0),
            ('cny', 'Chinese yuan', 'fiat', 2),
            ('czk', 'Czech koruna', 'fiat', 2),
            ('dkk', 'Danish krone', 'fiat', 2),
            ('dot', 'Polkadot', 'crypto', 8),
            ('eos', 'EOS', 'crypto', 8),
            ('eth', 'Ether', 'crypto', 8),
            ('eur', 'Euro', 'fiat', 2),
            ('gbp', 'British pound', 'fiat', 2),
            ('gel', 'Georgian lari', 'fiat', 2),
            ('hkd', 'Hong Kong dollar', 'fiat', 2),
            ('huf', 'Hungarian forint', 'fiat', 2),
            ('idr', 'Indonesian rupiah', 'fiat', 2),
            ('ils', 'Israeli new shekel', 'fiat', 2),
            ('inr', 'Indian rupee', 'fiat', 2),
            ('jpy', 'Japanese yen', 'fiat', 0),
            ('krw', 'South Korean won', 'fiat', 0),
            ('kwd', 'Kuwaiti dinar', 'fiat', 3),
            ('link', 'Chainlink', 'crypto', 8),
            ('lkr', 'Sri Lankan rupee', 'fiat', 2),
            ('ltc', 'Litecoin', 'crypto', 8),
            ('mmk', 'Burmese kyat', 'fiat', 2),
            ('mxn', 'Mexican peso', 'fiat', 2),
            ('myr', 'Malaysian ringgit', 'fiat', 2),
            ('ngn', 'Nigerian naira', 'fiat', 2),
            ('nok', 'Norwegian krone', 'fiat', 2),
            ('nzd', 'New Zealand dollar', 'fiat', 2),
            ('php', 'Philippine peso', 'fiat', 2),
            ('pkr', 'Pakistani rupee', 'fiat', 2),
            ('pln', 'Polish zloty', 'fiat', 2),
            ('rub', 'Russian rouble', 'fiat', 2),
            ('sar', 'Saudi riyal', 'fiat', 2),
            ('sats', 'Satoshis (hundred-millionths of a bitcoin)', 'crypto', 0),
            ('sek', 'Swedish krona', 'fiat', 2),
            ('sgd', 'Singapore dollar', 'fiat', 2),
            ('sol', 'Solana', 'crypto', 8),
            ('thb', 'Thai baht', 'fiat', 2),
            ('try', 'Turkish lira', 'fiat', 2),
            ('twd', 'New Taiwan dollar', 'fiat', 2),
            ('uah', 'Ukrainian hryvnia', 'fiat', 2),
            ('usd', 'US dollar', 'fiat', 2),
            ('vef', 'Venezuelan bolivar', 'fiat', 2),
            ('vnd', 'Vietnamese dong', 'fiat', 0),
            ('xag', 'Silver (troy ounce)', 'metal', 4),
            ('xau', 'Gold (troy ounce)', 'metal', 6),
            ('xdr', 'Special drawing rights', 'fiat', 2),
            ('xlm', 'Stellar', 'crypto', 7),
            ('xrp', 'XRP', 'crypto', 6),
            ('yfi', 'yearn.finance', 'crypto', 8),
            ('zar', 'South African rand', 'fiat', 2)
            AS listed (vs_currency, currency_name, kind, decimals)
    )
    SELECT * FROM described
    UNION ALL
    SELECT p.vs_currency, p.vs_currency, 'unknown', CAST(8 AS SMALLINT)
    FROM pending_currencies AS p
    LEFT ANTI JOIN described AS d ON d.vs_currency = p.vs_currency
) AS i
ON t.vs_currency = i.vs_currency
WHEN NOT MATCHED THEN INSERT *
