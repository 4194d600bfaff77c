-- What every table, column and view means, for psql, BI tools and the Dagster UI.
-- Runs as the owner of the tables, after every migration.
-- [[[cog comments() ]]]
COMMENT ON TABLE data_origin IS
    'The kind of data this database holds, set by its first batch: live, sandbox and recorded data never mix.';
COMMENT ON COLUMN data_origin.only_row IS
    'Always true: the table has one row.';
COMMENT ON COLUMN data_origin.kind IS
    'live, sandbox (made up) or recorded (played back).';

COMMENT ON TABLE ingestion_batches IS
    'One row for every landing file: where it came from, what became of its records.';
COMMENT ON COLUMN ingestion_batches.batch_id IS
    'Surrogate key.';
COMMENT ON COLUMN ingestion_batches.landing_file IS
    'Path of the file in the landing zone; the business key.';
COMMENT ON COLUMN ingestion_batches.file_sha256 IS
    'SHA-256 of the file as stored, hexadecimal; null where it could not be read.';
COMMENT ON COLUMN ingestion_batches.partition_hour IS
    'Hour (UTC) under which the file is kept: the Dagster partition.';
COMMENT ON COLUMN ingestion_batches.source IS
    'Label of the data''s origin, from the file: CoinGecko, CoinGecko sandbox, CoinGecko recorded.';
COMMENT ON COLUMN ingestion_batches.vs_currency IS
    'Currency of the prices (request parameter vs_currency); usd where the file does not say.';
COMMENT ON COLUMN ingestion_batches.ingested_at IS
    'When the data was fetched, UTC.';
COMMENT ON COLUMN ingestion_batches.request IS
    'Request parameters as sent; never a key.';
COMMENT ON COLUMN ingestion_batches.status IS
    'completed or failed; loading only inside the transaction that loads it.';
COMMENT ON COLUMN ingestion_batches.error IS
    'Why the batch failed, or why its fetch ended early.';
COMMENT ON COLUMN ingestion_batches.records_fetched IS
    'Records in the file.';
COMMENT ON COLUMN ingestion_batches.records_loaded IS
    'Records that became a snapshot.';
COMMENT ON COLUMN ingestion_batches.records_duplicate IS
    'Good records whose time bucket was already taken: first write wins.';
COMMENT ON COLUMN ingestion_batches.records_rejected IS
    'Records in quarantine (rejected_records), but for those that were loaded since.';
COMMENT ON COLUMN ingestion_batches.warnings IS
    'Good records that break a warn rule, counted by rule.';
COMMENT ON COLUMN ingestion_batches.schema_drift IS
    'Records with an undocumented field or without a documented one, counted by field.';
COMMENT ON COLUMN ingestion_batches.loaded_at IS
    'When this row was last written, UTC.';
COMMENT ON COLUMN ingestion_batches.gold_loaded_at IS
    'When the batch reached the star schema, UTC; null while it is pending.';
COMMENT ON COLUMN ingestion_batches.records_retired IS
    'Of the records loaded, those whose month retention has dropped.';
COMMENT ON COLUMN ingestion_batches.details_purged_at IS
    'When retention emptied request, warnings, schema_drift and the text of the rejected records, UTC; null while they are there.';
COMMENT ON COLUMN ingestion_batches.ingested_at_origin IS
    'What says ingested_at: envelope (the file itself), file_name, or last_updated (of its newest record).';
COMMENT ON COLUMN ingestion_batches.run_id IS
    'Dagster''s run that wrote this row last, /runs/<run_id> in its UI.';
COMMENT ON COLUMN ingestion_batches.candles_loaded_at IS
    'When the batch reached the candles, UTC; null while it is pending.';

COMMENT ON TABLE cryptocurrencies IS
    'One row a coin, as its newest record describes it.';
COMMENT ON COLUMN cryptocurrencies.crypto_id IS
    'CoinGecko''s stable key of the coin (API field id).';
COMMENT ON COLUMN cryptocurrencies.symbol IS
    'Ticker symbol; several coins can share one (API field symbol).';
COMMENT ON COLUMN cryptocurrencies.name IS
    'Name of the coin (API field name).';
COMMENT ON COLUMN cryptocurrencies.image_url IS
    'URL of the logo (API field image).';
COMMENT ON COLUMN cryptocurrencies.first_seen_at IS
    'Time of the oldest file with the coin, UTC.';
COMMENT ON COLUMN cryptocurrencies.last_seen_at IS
    'Time of the newest file with the coin, UTC.';

COMMENT ON TABLE cryptocurrency_names IS
    'Every (symbol, name) under which a coin was ever listed; each snapshot points at the one it carried, which is what the history in dim_cryptocurrency is made of.';
COMMENT ON COLUMN cryptocurrency_names.name_id IS
    'Surrogate key.';
COMMENT ON COLUMN cryptocurrency_names.crypto_id IS
    'CoinGecko''s stable key of the coin (API field id).';
COMMENT ON COLUMN cryptocurrency_names.symbol IS
    'Ticker symbol; several coins can share one (API field symbol).';
COMMENT ON COLUMN cryptocurrency_names.name IS
    'Name of the coin (API field name).';

COMMENT ON TABLE price_snapshots IS
    'The price of a coin in a five-minute bucket; the first record of a bucket wins.';
COMMENT ON COLUMN price_snapshots.crypto_id IS
    'CoinGecko''s stable key of the coin (API field id).';
COMMENT ON COLUMN price_snapshots.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN price_snapshots.snapshot_time IS
    'Time bucket, UTC: last_updated rounded to five minutes.';
COMMENT ON COLUMN price_snapshots.last_updated IS
    'When CoinGecko says the price was current, UTC (API field last_updated).';
COMMENT ON COLUMN price_snapshots.name_id IS
    'The symbol and name the record carried.';
COMMENT ON COLUMN price_snapshots.batch_id IS
    'The batch (landing file) the row comes from.';
COMMENT ON COLUMN price_snapshots.record_index IS
    'Position of the record in its landing file, from 0.';
COMMENT ON COLUMN price_snapshots.current_price IS
    'Price, in vs_currency (API field current_price).';
COMMENT ON COLUMN price_snapshots.high_24h IS
    'Highest price of the last 24 hours, in vs_currency (API field high_24h).';
COMMENT ON COLUMN price_snapshots.low_24h IS
    'Lowest price of the last 24 hours, in vs_currency (API field low_24h).';
COMMENT ON COLUMN price_snapshots.price_change_24h IS
    'Change of the price in 24 hours, in vs_currency (API field price_change_24h).';
COMMENT ON COLUMN price_snapshots.price_change_pct_24h IS
    'Change of the price in 24 hours, in percent (API field price_change_percentage_24h).';
COMMENT ON COLUMN price_snapshots.ath IS
    'All-time high, in vs_currency (API field ath).';
COMMENT ON COLUMN price_snapshots.ath_change_pct IS
    'Distance of the price from the all-time high, in percent (API field ath_change_percentage).';
COMMENT ON COLUMN price_snapshots.ath_date IS
    'When the all-time high was, UTC (API field ath_date).';
COMMENT ON COLUMN price_snapshots.atl IS
    'All-time low, in vs_currency (API field atl).';
COMMENT ON COLUMN price_snapshots.atl_change_pct IS
    'Distance of the price from the all-time low, in percent (API field atl_change_percentage).';
COMMENT ON COLUMN price_snapshots.atl_date IS
    'When the all-time low was, UTC (API field atl_date).';

COMMENT ON TABLE market_metrics IS
    'Market size and supply of a coin, one row for every price snapshot.';
COMMENT ON COLUMN market_metrics.crypto_id IS
    'CoinGecko''s stable key of the coin (API field id).';
COMMENT ON COLUMN market_metrics.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN market_metrics.snapshot_time IS
    'Time bucket, UTC: last_updated rounded to five minutes.';
COMMENT ON COLUMN market_metrics.market_cap IS
    'Market capitalisation, in vs_currency (API field market_cap).';
COMMENT ON COLUMN market_metrics.market_cap_rank IS
    'Rank by market capitalisation, 1 the largest (API field market_cap_rank).';
COMMENT ON COLUMN market_metrics.fully_diluted_valuation IS
    'Price times the largest possible supply, in vs_currency (API field fully_diluted_valuation).';
COMMENT ON COLUMN market_metrics.total_volume IS
    'Trading volume of the last 24 hours, in vs_currency (API field total_volume).';
COMMENT ON COLUMN market_metrics.market_cap_change_24h IS
    'Change of the market capitalisation in 24 hours, in vs_currency (API field market_cap_change_24h).';
COMMENT ON COLUMN market_metrics.market_cap_change_pct_24h IS
    'Change of the market capitalisation in 24 hours, in percent (API field market_cap_change_percentage_24h).';
COMMENT ON COLUMN market_metrics.circulating_supply IS
    'Units in circulation, in coins (API field circulating_supply).';
COMMENT ON COLUMN market_metrics.total_supply IS
    'Units that exist, in coins (API field total_supply).';
COMMENT ON COLUMN market_metrics.max_supply IS
    'Units that can ever exist, in coins; null if unlimited (API field max_supply).';
COMMENT ON COLUMN market_metrics.roi_times IS
    'Return since the initial sale, as a multiple (API field roi.times).';
COMMENT ON COLUMN market_metrics.roi_currency IS
    'Currency of the return since the initial sale (API field roi.currency).';
COMMENT ON COLUMN market_metrics.roi_percentage IS
    'Return since the initial sale, in percent (API field roi.percentage).';
COMMENT ON COLUMN market_metrics.market_cap_rank_with_rehypothecated IS
    'Rank by market capitalisation among all coins, those too that stand for others; null unless COINGECKO_INCLUDE_REHYPOTHECATED asked for it (API field market_cap_rank_with_rehypothecated).';

COMMENT ON TABLE rejected_records IS
    'Quarantine: every record that broke a reject rule, as received, with the reason.';
COMMENT ON COLUMN rejected_records.batch_id IS
    'The batch (landing file) the row comes from.';
COMMENT ON COLUMN rejected_records.record_index IS
    'Position of the record in its landing file, from 0.';
COMMENT ON COLUMN rejected_records.crypto_id IS
    'The coin, where the record says (API field id).';
COMMENT ON COLUMN rejected_records.rules IS
    'Names of all reject rules that the record breaks.';
COMMENT ON COLUMN rejected_records.reason IS
    'What is wrong with the record, in words.';
COMMENT ON COLUMN rejected_records.record IS
    'The record''s JSON text as received; empty once retention has purged the details of its batch: the landing file keeps it.';
COMMENT ON COLUMN rejected_records.rejected_at IS
    'When the record was put in quarantine, UTC.';
COMMENT ON COLUMN rejected_records.rule_versions IS
    'The version of each of these rules, in their order.';
COMMENT ON COLUMN rejected_records.resolved_at IS
    'When it left the quarantine, UTC; null while it waits there.';
COMMENT ON COLUMN rejected_records.resolved_batch_id IS
    'The batch with which the record was loaded; its own, or that of a corrected file of the same fetch; null while it waits.';

COMMENT ON TABLE history_batches IS
    'One row for every landing file of price history: an answer of /coins/{id}/market_chart/range, or an export that was imported.';
COMMENT ON COLUMN history_batches.history_batch_id IS
    'Surrogate key.';
COMMENT ON COLUMN history_batches.landing_file IS
    'Path of the file in the landing zone; the business key.';
COMMENT ON COLUMN history_batches.file_sha256 IS
    'SHA-256 of the file as stored, hexadecimal; null where it could not be read.';
COMMENT ON COLUMN history_batches.origin IS
    'chart (an answer of the API), ohlc (its own candles) or import (a file that somebody had).';
COMMENT ON COLUMN history_batches.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN history_batches.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN history_batches.granularity_minutes IS
    'Length of the buckets or candles in minutes; null of a file without points.';
COMMENT ON COLUMN history_batches.source IS
    'Label of the data''s origin, from the file.';
COMMENT ON COLUMN history_batches.requested_from IS
    'Start of the range that was asked for, UTC; null of an import.';
COMMENT ON COLUMN history_batches.requested_to IS
    'End of the range that was asked for, UTC; null of an import.';
COMMENT ON COLUMN history_batches.ingested_at IS
    'When the data was fetched, UTC; of a file that does not say, the time of its newest point.';
COMMENT ON COLUMN history_batches.status IS
    'completed or failed.';
COMMENT ON COLUMN history_batches.error IS
    'Why the batch failed.';
COMMENT ON COLUMN history_batches.points_fetched IS
    'Points in the file.';
COMMENT ON COLUMN history_batches.points_loaded IS
    'Points that became a row of price_points.';
COMMENT ON COLUMN history_batches.points_duplicate IS
    'Good points whose bucket was already taken: first write wins.';
COMMENT ON COLUMN history_batches.points_rejected IS
    'Points in quarantine (rejected_points), but for those that were loaded since.';
COMMENT ON COLUMN history_batches.points_unfinished IS
    'The point at the end of a chart that stands for now, left out: its bucket was not over.';
COMMENT ON COLUMN history_batches.points_restated IS
    'Of the duplicates, those whose values differ from what was known: price_corrections.';
COMMENT ON COLUMN history_batches.warnings IS
    'Good points that break a warn rule, counted by rule.';
COMMENT ON COLUMN history_batches.loaded_at IS
    'When this row was last written, UTC.';
COMMENT ON COLUMN history_batches.run_id IS
    'Dagster''s run that wrote this row last, /runs/<run_id> in its UI.';

COMMENT ON TABLE price_points IS
    'A point of a coin''s price history, from a chart or an export; the first of a bucket wins.';
COMMENT ON COLUMN price_points.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN price_points.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN price_points.granularity_minutes IS
    'Length of the bucket in minutes: 5, 60 or 1440.';
COMMENT ON COLUMN price_points.bucket_time IS
    'Start of the bucket, UTC: observed_at rounded down.';
COMMENT ON COLUMN price_points.observed_at IS
    'The point''s own time, UTC.';
COMMENT ON COLUMN price_points.price IS
    'Price, in vs_currency.';
COMMENT ON COLUMN price_points.market_cap IS
    'Market capitalisation, in vs_currency; null where the source has none or says 0.';
COMMENT ON COLUMN price_points.total_volume IS
    'Trading volume of the 24 hours before, in vs_currency.';
COMMENT ON COLUMN price_points.history_batch_id IS
    'The history batch (landing file) the row comes from.';
COMMENT ON COLUMN price_points.point_index IS
    'Position of the point in its landing file, from 0.';

COMMENT ON TABLE source_candles IS
    'A candle as CoinGecko makes it (/coins/{id}/ohlc); the first write of a candle wins.';
COMMENT ON COLUMN source_candles.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN source_candles.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN source_candles.granularity_minutes IS
    'Length of the candle in minutes: 30, 240 or 5760.';
COMMENT ON COLUMN source_candles.closed_at IS
    'When the candle closes, UTC: CoinGecko''s time of it.';
COMMENT ON COLUMN source_candles.open_price IS
    'First price, in vs_currency.';
COMMENT ON COLUMN source_candles.high_price IS
    'Highest price, in vs_currency.';
COMMENT ON COLUMN source_candles.low_price IS
    'Lowest price, in vs_currency.';
COMMENT ON COLUMN source_candles.close_price IS
    'Last price, in vs_currency.';
COMMENT ON COLUMN source_candles.history_batch_id IS
    'The history batch (landing file) the row comes from.';
COMMENT ON COLUMN source_candles.point_index IS
    'Position of the candle in its landing file, from 0.';

COMMENT ON TABLE rejected_points IS
    'Quarantine: every point that broke a reject rule, as received, with the reason.';
COMMENT ON COLUMN rejected_points.history_batch_id IS
    'The history batch (landing file) the point is in.';
COMMENT ON COLUMN rejected_points.point_index IS
    'Position of the point in its landing file, from 0.';
COMMENT ON COLUMN rejected_points.rules IS
    'Names of all reject rules that the point breaks.';
COMMENT ON COLUMN rejected_points.reason IS
    'What is wrong with the point, in words.';
COMMENT ON COLUMN rejected_points.point IS
    'The point''s text as received.';
COMMENT ON COLUMN rejected_points.rejected_at IS
    'When the point was put in quarantine, UTC.';
COMMENT ON COLUMN rejected_points.rule_versions IS
    'The version of each of these rules, in their order.';
COMMENT ON COLUMN rejected_points.resolved_at IS
    'When it left the quarantine, UTC; null while it waits there.';
COMMENT ON COLUMN rejected_points.resolved_history_batch_id IS
    'The history batch with which the point was loaded; its own, or a later one that has its bucket; null while it waits.';

COMMENT ON TABLE price_corrections IS
    'What the source, or a second file, said of a point later, where it differs from what was known by more than a tolerance. The first value stays in price_points.';
COMMENT ON COLUMN price_corrections.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN price_corrections.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN price_corrections.granularity_minutes IS
    'Length of the bucket in minutes: 5, 60 or 1440.';
COMMENT ON COLUMN price_corrections.bucket_time IS
    'Start of the bucket, UTC: observed_at rounded down.';
COMMENT ON COLUMN price_corrections.known_from IS
    'When the other value was fetched, UTC.';
COMMENT ON COLUMN price_corrections.history_batch_id IS
    'The history batch (landing file) that has the other value.';
COMMENT ON COLUMN price_corrections.point_index IS
    'Position of the point in its landing file, from 0.';
COMMENT ON COLUMN price_corrections.observed_at IS
    'The point''s own time, UTC.';
COMMENT ON COLUMN price_corrections.price IS
    'Price, in vs_currency.';
COMMENT ON COLUMN price_corrections.market_cap IS
    'Market capitalisation, in vs_currency; null where the source has none or says 0.';
COMMENT ON COLUMN price_corrections.total_volume IS
    'Trading volume of the 24 hours before, in vs_currency.';

COMMENT ON TABLE history_series IS
    'From when to when the price history of a coin in a currency goes: what gaps are told by.';
COMMENT ON COLUMN history_series.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN history_series.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN history_series.first_day IS
    'First day (UTC) with a price.';
COMMENT ON COLUMN history_series.last_day IS
    'Last day (UTC) with a price.';
COMMENT ON COLUMN history_series.first_hourly_day IS
    'First day (UTC) with snapshots of three hours or more: from then on hours are expected, before it days.';
COMMENT ON COLUMN history_series.in_snapshots IS
    'Whether a snapshot has ever had it.';
COMMENT ON COLUMN history_series.first_hour IS
    'First hour of first_hourly_day that has a candle, UTC.';
COMMENT ON COLUMN history_series.last_hour IS
    'Last hour of last_day that has a candle, UTC; null where that day has only a daily point.';

COMMENT ON TABLE history_refusals IS
    'Ranges of the price history that the source does not give: it is not asked for them again with the same plan.';
COMMENT ON COLUMN history_refusals.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN history_refusals.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN history_refusals.plan IS
    'The plan that was refused.';
COMMENT ON COLUMN history_refusals.refused_from IS
    'Start of the range, UTC.';
COMMENT ON COLUMN history_refusals.refused_to IS
    'End of the range, UTC, exclusive.';
COMMENT ON COLUMN history_refusals.reason IS
    'What the source says, or what its plan documents.';
COMMENT ON COLUMN history_refusals.refused_at IS
    'When it was refused, UTC.';

COMMENT ON TABLE api_requests IS
    'The request ledger: every request to a source, of all machines of this database.';
COMMENT ON COLUMN api_requests.request_id IS
    'Surrogate key.';
COMMENT ON COLUMN api_requests.sent_at IS
    'When it was sent, UTC.';
COMMENT ON COLUMN api_requests.plan IS
    'The plan whose budget it counts for.';
COMMENT ON COLUMN api_requests.endpoint IS
    'Path of the endpoint; null while the request is on its way.';
COMMENT ON COLUMN api_requests.http_status IS
    'HTTP status; null without an answer.';
COMMENT ON COLUMN api_requests.credits IS
    'What it costs of the month: 1 for an answer with HTTP 200.';
COMMENT ON COLUMN api_requests.received_bytes IS
    'Size of the body as received.';
COMMENT ON COLUMN api_requests.duration_ms IS
    'Milliseconds until the whole answer.';
COMMENT ON COLUMN api_requests.is_cached IS
    'Whether the answer came from the source''s cache; null where it does not say.';
COMMENT ON COLUMN api_requests.run_id IS
    'Dagster''s run that asked, /runs/<run_id> in its UI.';
COMMENT ON COLUMN api_requests.api IS
    'Which source was asked: coingecko, or the name of a further one.';

COMMENT ON TABLE coin_list_batches IS
    'One row for every landing file of the list of coins: an answer of /coins/list.';
COMMENT ON COLUMN coin_list_batches.landing_file IS
    'Path of the file in the landing zone; the business key.';
COMMENT ON COLUMN coin_list_batches.file_sha256 IS
    'SHA-256 of the file as stored, hexadecimal; null where it could not be read.';
COMMENT ON COLUMN coin_list_batches.body_sha256 IS
    'SHA-256 of the answer''s body, hexadecimal; of equal answers the same: the body is kept once.';
COMMENT ON COLUMN coin_list_batches.is_active IS
    'Whether it is the list of the active coins; else that of the inactive ones.';
COMMENT ON COLUMN coin_list_batches.source IS
    'Label of the data''s origin, from the file.';
COMMENT ON COLUMN coin_list_batches.request IS
    'Request parameters as sent; never a key.';
COMMENT ON COLUMN coin_list_batches.ingested_at IS
    'When the list was fetched, UTC.';
COMMENT ON COLUMN coin_list_batches.status IS
    'completed or failed.';
COMMENT ON COLUMN coin_list_batches.error IS
    'Why the batch failed.';
COMMENT ON COLUMN coin_list_batches.coins_fetched IS
    'Elements of the list.';
COMMENT ON COLUMN coin_list_batches.coins_listed IS
    'Coins in it, each id once.';
COMMENT ON COLUMN coin_list_batches.coins_rejected IS
    'Elements that are no coin.';
COMMENT ON COLUMN coin_list_batches.flaws IS
    'What could not be taken from the list, the first hundred: position, reason, text as received.';
COMMENT ON COLUMN coin_list_batches.loaded_at IS
    'When this row was last written, UTC.';
COMMENT ON COLUMN coin_list_batches.run_id IS
    'Dagster''s run that wrote this row last, /runs/<run_id> in its UI.';

COMMENT ON TABLE coin_listings IS
    'Every symbol and name under which a coin was ever in the list of coins, and when.';
COMMENT ON COLUMN coin_listings.crypto_id IS
    'CoinGecko''s stable key of the coin (API field id).';
COMMENT ON COLUMN coin_listings.is_active IS
    'Whether the list of the active coins has it; else that of the inactive ones.';
COMMENT ON COLUMN coin_listings.symbol IS
    'Ticker symbol; several coins can share one (API field symbol).';
COMMENT ON COLUMN coin_listings.name IS
    'Name of the coin (API field name).';
COMMENT ON COLUMN coin_listings.listed_during IS
    'When it was listed so, UTC: from each answer that has it until the first that has not; empty if another answer of the same moment replaced the one that had it.';

COMMENT ON TABLE coin_contracts IS
    'Every contract that a coin ever had in the list of coins, and when.';
COMMENT ON COLUMN coin_contracts.crypto_id IS
    'CoinGecko''s stable key of the coin (API field id).';
COMMENT ON COLUMN coin_contracts.is_active IS
    'Whether the list of the active coins has it; else that of the inactive ones.';
COMMENT ON COLUMN coin_contracts.platform IS
    'Chain or platform of the contract, as CoinGecko names it.';
COMMENT ON COLUMN coin_contracts.contract_address IS
    'Address of the contract, as received.';
COMMENT ON COLUMN coin_contracts.listed_during IS
    'When it was listed so, UTC: from each answer that has it until the first that has not; empty if another answer of the same moment replaced the one that had it.';

COMMENT ON TABLE coin_aliases IS
    'Ids of coins that go on under another id, as people confirmed: never automatic.';
COMMENT ON COLUMN coin_aliases.old_id IS
    'The id that is no more.';
COMMENT ON COLUMN coin_aliases.new_id IS
    'The id under which the coin goes on.';
COMMENT ON COLUMN coin_aliases.evidence IS
    'What speaks for it: the equal contracts, if there are any.';
COMMENT ON COLUMN coin_aliases.confirmed_at IS
    'When it was confirmed, UTC.';
COMMENT ON COLUMN coin_aliases.confirmed_by IS
    'Who confirmed it.';
COMMENT ON COLUMN coin_aliases.revoked_at IS
    'When it was taken back, UTC; null while it is in force.';
COMMENT ON COLUMN coin_aliases.revoked_by IS
    'Who took it back.';

COMMENT ON TABLE quote_batches IS
    'One row for every landing file of a further source: an answer of one of its endpoints.';
COMMENT ON COLUMN quote_batches.quote_batch_id IS
    'Surrogate key.';
COMMENT ON COLUMN quote_batches.landing_file IS
    'Path of the file in the landing zone; the business key.';
COMMENT ON COLUMN quote_batches.file_sha256 IS
    'SHA-256 of the file as stored, hexadecimal; null where it could not be read.';
COMMENT ON COLUMN quote_batches.body_sha256 IS
    'SHA-256 of the answer''s body, hexadecimal; of equal answers the same: the body is kept once.';
COMMENT ON COLUMN quote_batches.source IS
    'Label of the data''s origin, from the file.';
COMMENT ON COLUMN quote_batches.endpoint IS
    'Path that was asked, with names in braces for what varies.';
COMMENT ON COLUMN quote_batches.request IS
    'Request parameters as sent; never a key.';
COMMENT ON COLUMN quote_batches.vs_currencies IS
    'Currencies in which prices were asked for; empty of an answer without current prices.';
COMMENT ON COLUMN quote_batches.ingested_at IS
    'When the answer was fetched, UTC.';
COMMENT ON COLUMN quote_batches.status IS
    'completed or failed.';
COMMENT ON COLUMN quote_batches.error IS
    'Why the batch failed.';
COMMENT ON COLUMN quote_batches.items_fetched IS
    'Quotes, contracts or candles in the answer.';
COMMENT ON COLUMN quote_batches.items_loaded IS
    'Items that became a row.';
COMMENT ON COLUMN quote_batches.items_duplicate IS
    'Good items that were there already: first write wins.';
COMMENT ON COLUMN quote_batches.items_rejected IS
    'Items in quarantine (rejected_quotes).';
COMMENT ON COLUMN quote_batches.schema_drift IS
    'Items with an undocumented field or without a documented one, counted by field.';
COMMENT ON COLUMN quote_batches.loaded_at IS
    'When this row was last written, UTC.';
COMMENT ON COLUMN quote_batches.consensus_loaded_at IS
    'When the batch reached the consensus, UTC; null while it is pending.';
COMMENT ON COLUMN quote_batches.run_id IS
    'Dagster''s run that wrote this row last, /runs/<run_id> in its UI.';

COMMENT ON TABLE quoted_coins IS
    'The coins of a further source, as its newest answer describes them.';
COMMENT ON COLUMN quoted_coins.source IS
    'Label of the data''s origin, as in dim_source.';
COMMENT ON COLUMN quoted_coins.source_coin_id IS
    'The source''s own id of the coin.';
COMMENT ON COLUMN quoted_coins.symbol IS
    'Ticker symbol; several coins can share one.';
COMMENT ON COLUMN quoted_coins.name IS
    'Name of the coin.';
COMMENT ON COLUMN quoted_coins.coin_rank IS
    'The source''s own rank of the coin.';
COMMENT ON COLUMN quoted_coins.first_seen_at IS
    'Time of the oldest answer with the coin, UTC.';
COMMENT ON COLUMN quoted_coins.last_seen_at IS
    'Time of the newest answer with the coin, UTC.';

COMMENT ON TABLE quoted_contracts IS
    'Every contract that a coin of a further source ever had, and when.';
COMMENT ON COLUMN quoted_contracts.source IS
    'Label of the data''s origin, as in dim_source.';
COMMENT ON COLUMN quoted_contracts.source_coin_id IS
    'The source''s own id of the coin.';
COMMENT ON COLUMN quoted_contracts.platform IS
    'Chain or platform of the contract, as the source names it.';
COMMENT ON COLUMN quoted_contracts.contract_address IS
    'Address of the contract, as received.';
COMMENT ON COLUMN quoted_contracts.first_seen_at IS
    'Time of the oldest answer with it, UTC.';
COMMENT ON COLUMN quoted_contracts.last_seen_at IS
    'Time of the newest answer with it, UTC.';

COMMENT ON TABLE price_quotes IS
    'The price of a coin as a further source says it at a time; the first write wins. It never takes the place of a snapshot of CoinGecko.';
COMMENT ON COLUMN price_quotes.source IS
    'Label of the data''s origin, as in dim_source.';
COMMENT ON COLUMN price_quotes.source_coin_id IS
    'The source''s own id of the coin.';
COMMENT ON COLUMN price_quotes.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN price_quotes.last_updated IS
    'When the source says the price was current, UTC.';
COMMENT ON COLUMN price_quotes.price IS
    'Price, in vs_currency.';
COMMENT ON COLUMN price_quotes.market_cap IS
    'Market capitalisation, in vs_currency; null where the source has none or says 0.';
COMMENT ON COLUMN price_quotes.total_volume IS
    'Trading volume of the 24 hours before, in vs_currency.';
COMMENT ON COLUMN price_quotes.quote_batch_id IS
    'The quote batch (landing file) the row comes from.';
COMMENT ON COLUMN price_quotes.item_index IS
    'Position in the answer, from 0; a ticker in three currencies is three items.';

COMMENT ON TABLE quoted_candles IS
    'The candle of a coin on a day (UTC) as a further source makes it; the first write wins.';
COMMENT ON COLUMN quoted_candles.source IS
    'Label of the data''s origin, as in dim_source.';
COMMENT ON COLUMN quoted_candles.source_coin_id IS
    'The source''s own id of the coin.';
COMMENT ON COLUMN quoted_candles.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN quoted_candles.day IS
    'The day (UTC).';
COMMENT ON COLUMN quoted_candles.open_price IS
    'First price, in vs_currency.';
COMMENT ON COLUMN quoted_candles.high_price IS
    'Highest price, in vs_currency.';
COMMENT ON COLUMN quoted_candles.low_price IS
    'Lowest price, in vs_currency.';
COMMENT ON COLUMN quoted_candles.close_price IS
    'Last price, in vs_currency.';
COMMENT ON COLUMN quoted_candles.market_cap IS
    'Market capitalisation, in vs_currency; null where the source has none or says 0.';
COMMENT ON COLUMN quoted_candles.total_volume IS
    'Trading volume of the 24 hours before, in vs_currency.';
COMMENT ON COLUMN quoted_candles.quote_batch_id IS
    'The quote batch (landing file) the row comes from.';
COMMENT ON COLUMN quoted_candles.item_index IS
    'Position in the answer, from 0; a ticker in three currencies is three items.';

COMMENT ON TABLE rejected_quotes IS
    'Quarantine: every quote, contract or candle of a further source that broke a rule, as received, with the reason.';
COMMENT ON COLUMN rejected_quotes.quote_batch_id IS
    'The quote batch (landing file) the row comes from.';
COMMENT ON COLUMN rejected_quotes.item_index IS
    'Position in the answer, from 0; a ticker in three currencies is three items.';
COMMENT ON COLUMN rejected_quotes.source_coin_id IS
    'The source''s own id of the coin, where it says.';
COMMENT ON COLUMN rejected_quotes.vs_currency IS
    'Currency of its amounts.';
COMMENT ON COLUMN rejected_quotes.rules IS
    'Names of all rules that it breaks.';
COMMENT ON COLUMN rejected_quotes.reason IS
    'What is wrong with it, in words.';
COMMENT ON COLUMN rejected_quotes.record IS
    'The JSON text of the whole record as received.';
COMMENT ON COLUMN rejected_quotes.rejected_at IS
    'When it was put in quarantine, UTC.';

COMMENT ON TABLE coin_mappings IS
    'Which coin a coin of a further source is, as people confirmed: never automatic.';
COMMENT ON COLUMN coin_mappings.source IS
    'Label of the data''s origin, as in dim_source.';
COMMENT ON COLUMN coin_mappings.source_coin_id IS
    'The source''s own id of the coin.';
COMMENT ON COLUMN coin_mappings.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN coin_mappings.evidence IS
    'What speaks for it: equal contracts, symbol and name, if they are.';
COMMENT ON COLUMN coin_mappings.confirmed_at IS
    'When it was confirmed, UTC.';
COMMENT ON COLUMN coin_mappings.confirmed_by IS
    'Who confirmed it.';
COMMENT ON COLUMN coin_mappings.revoked_at IS
    'When it was taken back, UTC; null while it is in force.';
COMMENT ON COLUMN coin_mappings.revoked_by IS
    'Who took it back.';

COMMENT ON TABLE analytics.dim_date IS
    'One row a day (UTC), whole years, for every year that has a fact.';
COMMENT ON COLUMN analytics.dim_date.date_key IS
    'Key: the date as the number YYYYMMDD.';
COMMENT ON COLUMN analytics.dim_date.full_date IS
    'The date.';
COMMENT ON COLUMN analytics.dim_date.calendar_year IS
    'Calendar year.';
COMMENT ON COLUMN analytics.dim_date.quarter_of_year IS
    'Quarter, 1 to 4.';
COMMENT ON COLUMN analytics.dim_date.month_of_year IS
    'Month, 1 to 12.';
COMMENT ON COLUMN analytics.dim_date.month_name IS
    'English name of the month.';
COMMENT ON COLUMN analytics.dim_date.day_of_month IS
    'Day of the month, 1 to 31.';
COMMENT ON COLUMN analytics.dim_date.day_of_year IS
    'Day of the year, 1 to 366.';
COMMENT ON COLUMN analytics.dim_date.day_of_week IS
    'ISO day of the week, 1 Monday to 7 Sunday.';
COMMENT ON COLUMN analytics.dim_date.day_name IS
    'English name of the day of the week.';
COMMENT ON COLUMN analytics.dim_date.iso_year IS
    'Year of the ISO week.';
COMMENT ON COLUMN analytics.dim_date.iso_week IS
    'ISO week of the year, 1 to 53.';
COMMENT ON COLUMN analytics.dim_date.is_weekend IS
    'Saturday or Sunday.';

COMMENT ON TABLE analytics.dim_time IS
    'One row for each of the 1,440 minutes of a day (UTC).';
COMMENT ON COLUMN analytics.dim_time.time_key IS
    'Key: the time as the number HHMM.';
COMMENT ON COLUMN analytics.dim_time.full_time IS
    'The time of day.';
COMMENT ON COLUMN analytics.dim_time.hour_24 IS
    'Hour, 0 to 23.';
COMMENT ON COLUMN analytics.dim_time.minute_of_hour IS
    'Minute of the hour, 0 to 59.';
COMMENT ON COLUMN analytics.dim_time.minute_of_day IS
    'Minutes since midnight, 0 to 1439.';
COMMENT ON COLUMN analytics.dim_time.part_of_day IS
    'night (0-5), morning (6-11), afternoon (12-17) or evening (18-23).';

COMMENT ON TABLE analytics.dim_source IS
    'Where data comes from. Key -1 is the unknown member.';
COMMENT ON COLUMN analytics.dim_source.source_key IS
    'Surrogate key; -1 is the unknown member.';
COMMENT ON COLUMN analytics.dim_source.source_name IS
    'Label of the source, as the batches carry it.';
COMMENT ON COLUMN analytics.dim_source.kind IS
    'live, sandbox (made up), recorded (played back) or unknown.';
COMMENT ON COLUMN analytics.dim_source.first_ingested_at IS
    'When the source''s oldest snapshots in gold were fetched, UTC; null of a source of price history or quotes alone, and of the unknown member.';
COMMENT ON COLUMN analytics.dim_source.last_ingested_at IS
    'When the source''s newest snapshots in gold were fetched, UTC; null of a source of price history or quotes alone, and of the unknown member.';

COMMENT ON TABLE analytics.dim_cryptocurrency IS
    'Coins with their history (slowly changing dimension, type 2): a row for every period in which a coin had one symbol and name. Key -1 is the unknown member.';
COMMENT ON COLUMN analytics.dim_cryptocurrency.crypto_key IS
    'Surrogate key of the version; -1 is the unknown member.';
COMMENT ON COLUMN analytics.dim_cryptocurrency.crypto_id IS
    'Business key: CoinGecko''s id of the coin (API field id).';
COMMENT ON COLUMN analytics.dim_cryptocurrency.symbol IS
    'Ticker symbol in this period (API field symbol).';
COMMENT ON COLUMN analytics.dim_cryptocurrency.name IS
    'Name in this period (API field name).';
COMMENT ON COLUMN analytics.dim_cryptocurrency.valid_from IS
    'Time (last_updated) from which the version holds, UTC, inclusive.';
COMMENT ON COLUMN analytics.dim_cryptocurrency.valid_to IS
    'Time (last_updated) until which the version holds, UTC, exclusive; 9999-12-31 for the current one.';
COMMENT ON COLUMN analytics.dim_cryptocurrency.is_current IS
    'Whether this is the coin''s newest version.';
COMMENT ON COLUMN analytics.dim_cryptocurrency.revised_at IS
    'When the version''s period was last revised, UTC; a new logo revises none.';
COMMENT ON COLUMN analytics.dim_cryptocurrency.image_url IS
    'URL of the coin''s current logo, the same on all its versions (API field image).';

COMMENT ON TABLE analytics.fact_crypto_price_metrics IS
    'Price and market size of a coin at a five-minute mark: one row for every silver snapshot.';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.date_key IS
    'Day of snapshot_time (UTC).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.time_key IS
    'Minute of snapshot_time (UTC).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.crypto_key IS
    'The coin''s version valid at last_updated.';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.source_key IS
    'Where the data came from.';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.crypto_id IS
    'The coin''s business key, the same over all its versions (API field id).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.snapshot_time IS
    'Time bucket, UTC: last_updated rounded to five minutes.';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.last_updated IS
    'When CoinGecko says the price was current, UTC (API field last_updated).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.batch_id IS
    'The batch (landing file) the row comes from.';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.current_price IS
    'Price, in vs_currency (API field current_price).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.high_24h IS
    'Highest price of the last 24 hours, in vs_currency (API field high_24h).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.low_24h IS
    'Lowest price of the last 24 hours, in vs_currency (API field low_24h).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.price_change_24h IS
    'Change of the price in 24 hours, in vs_currency (API field price_change_24h).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.price_change_pct_24h IS
    'Change of the price in 24 hours, in percent (API field price_change_percentage_24h).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.ath IS
    'All-time high, in vs_currency (API field ath).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.ath_change_pct IS
    'Distance of the price from the all-time high, in percent (API field ath_change_percentage).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.atl IS
    'All-time low, in vs_currency (API field atl).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.atl_change_pct IS
    'Distance of the price from the all-time low, in percent (API field atl_change_percentage).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.market_cap IS
    'Market capitalisation, in vs_currency (API field market_cap).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.market_cap_rank IS
    'Rank by market capitalisation, 1 the largest (API field market_cap_rank).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.fully_diluted_valuation IS
    'Price times the largest possible supply, in vs_currency (API field fully_diluted_valuation).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.total_volume IS
    'Trading volume of the last 24 hours, in vs_currency (API field total_volume).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.market_cap_change_24h IS
    'Change of the market capitalisation in 24 hours, in vs_currency (API field market_cap_change_24h).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.market_cap_change_pct_24h IS
    'Change of the market capitalisation in 24 hours, in percent (API field market_cap_change_percentage_24h).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.circulating_supply IS
    'Units in circulation, in coins (API field circulating_supply).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.total_supply IS
    'Units that exist, in coins (API field total_supply).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.max_supply IS
    'Units that can ever exist, in coins; null if unlimited (API field max_supply).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.roi_times IS
    'Return since the initial sale, as a multiple (API field roi.times).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.roi_percentage IS
    'Return since the initial sale, in percent (API field roi.percentage).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.market_cap_rank_with_rehypothecated IS
    'Rank by market capitalisation among all coins, those too that stand for others; null unless COINGECKO_INCLUDE_REHYPOTHECATED asked for it (API field market_cap_rank_with_rehypothecated).';
COMMENT ON COLUMN analytics.fact_crypto_price_metrics.load_timestamp IS
    'When the row was loaded into gold, UTC.';

COMMENT ON TABLE analytics.dim_currency IS
    'The currencies in which prices are asked for: CoinGecko''s supported_vs_currencies.';
COMMENT ON COLUMN analytics.dim_currency.vs_currency IS
    'Key: the currency''s code, as the facts have it.';
COMMENT ON COLUMN analytics.dim_currency.currency_name IS
    'Name of the currency.';
COMMENT ON COLUMN analytics.dim_currency.kind IS
    'fiat, crypto, metal or unknown.';
COMMENT ON COLUMN analytics.dim_currency.display_decimals IS
    'Decimals with which an amount is usually shown.';

COMMENT ON TABLE analytics.fact_crypto_price_hourly IS
    'The candle of a coin in an hour (UTC), from five-minute snapshots, or else from points of charts.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.date_key IS
    'Day of hour_start (UTC).';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.time_key IS
    'Hour of hour_start (UTC), as its first minute.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.source_key IS
    'Where its first price came from.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.hour_start IS
    'Start of the hour, UTC.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.open_price IS
    'First price, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.high_price IS
    'Highest price, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.low_price IS
    'Lowest price, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.close_price IS
    'Last price, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.mean_price IS
    'Mean of the prices, in vs_currency; of several, rounded to 26 decimals.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.market_cap IS
    'Last market capitalisation known, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.total_volume IS
    'Last trading volume of 24 hours known, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.observations IS
    'How many prices it is made of.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.coverage_share IS
    'Share of the period with an observation: of the twelve five-minute buckets of an hour, or of the hours of a day, from 0 to 1.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.origin IS
    'What the prices are from, the best that there is: snapshot, chart or import.';
COMMENT ON COLUMN analytics.fact_crypto_price_hourly.load_timestamp IS
    'When the row was last written, UTC.';

COMMENT ON TABLE analytics.fact_crypto_price_daily IS
    'The candle of a coin on a day (UTC), from its hours, or else from the daily point of a chart or an export.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.date_key IS
    'The day (UTC).';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.source_key IS
    'Where its first price came from.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.day IS
    'The day (UTC).';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.open_price IS
    'First price, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.high_price IS
    'Highest price, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.low_price IS
    'Lowest price, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.close_price IS
    'Last price, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.mean_price IS
    'Mean of the prices, in vs_currency; of several, rounded to 26 decimals.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.market_cap IS
    'Last market capitalisation known, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.total_volume IS
    'Last trading volume of 24 hours known, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.observations IS
    'How many prices it is made of.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.coverage_share IS
    'Share of the period with an observation: of the twelve five-minute buckets of an hour, or of the hours of a day, from 0 to 1.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.origin IS
    'What the prices are from, the best that there is: snapshot, chart or import.';
COMMENT ON COLUMN analytics.fact_crypto_price_daily.load_timestamp IS
    'When the row was last written, UTC.';

COMMENT ON TABLE analytics.fact_crypto_price_consensus IS
    'What the sources say of a coin''s price in an hour (UTC), and how far they part: of the coins that are mapped, the hours in which a further source was asked or said a price.';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.date_key IS
    'Day of hour_start (UTC).';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.time_key IS
    'Hour of hour_start (UTC), as its first minute.';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.hour_start IS
    'Start of the hour, UTC.';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.median_price IS
    'Median of the prices of the sources that count, in vs_currency; a source''s price of an hour is the mean of those it said in it.';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.lowest_price IS
    'Lowest of them, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.highest_price IS
    'Highest of them, in vs_currency.';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.spread_share IS
    'Highest less lowest price as a share of the median; rounded to 10 decimals.';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.source_count IS
    'How many sources count.';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.source_prices IS
    'Price of each source that said one, in vs_currency, by its name in dim_source; those too that are left out.';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.left_out IS
    'Why a source does not count, by its name in dim_source; empty if all do.';
COMMENT ON COLUMN analytics.fact_crypto_price_consensus.load_timestamp IS
    'When the row was last written, UTC.';

COMMENT ON TABLE analytics.mart_returns_hourly IS
    'The returns of a coin up to the close of an hour (UTC), over five horizons.';
COMMENT ON COLUMN analytics.mart_returns_hourly.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN analytics.mart_returns_hourly.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN analytics.mart_returns_hourly.hour_start IS
    'Start of the hour, UTC.';
COMMENT ON COLUMN analytics.mart_returns_hourly.simple_return_1h IS
    'Quotient less 1 of the close to that of the hour that began 1 hour before; null where that hour has no candle.';
COMMENT ON COLUMN analytics.mart_returns_hourly.log_return_1h IS
    'Logarithm of the quotient of the close to that of the hour that began 1 hour before; null where that hour has no candle.';
COMMENT ON COLUMN analytics.mart_returns_hourly.simple_return_24h IS
    'Quotient less 1 of the close to that of the hour that began 24 hours before; null where that hour has no candle.';
COMMENT ON COLUMN analytics.mart_returns_hourly.log_return_24h IS
    'Logarithm of the quotient of the close to that of the hour that began 24 hours before; null where that hour has no candle.';
COMMENT ON COLUMN analytics.mart_returns_hourly.simple_return_7d IS
    'Quotient less 1 of the close to that of the hour that began 7 days before; null where that hour has no candle.';
COMMENT ON COLUMN analytics.mart_returns_hourly.log_return_7d IS
    'Logarithm of the quotient of the close to that of the hour that began 7 days before; null where that hour has no candle.';
COMMENT ON COLUMN analytics.mart_returns_hourly.simple_return_30d IS
    'Quotient less 1 of the close to that of the hour that began 30 days before; null where that hour has no candle.';
COMMENT ON COLUMN analytics.mart_returns_hourly.log_return_30d IS
    'Logarithm of the quotient of the close to that of the hour that began 30 days before; null where that hour has no candle.';
COMMENT ON COLUMN analytics.mart_returns_hourly.simple_return_1y IS
    'Quotient less 1 of the close to that of the hour that began 365 days before; null where that hour has no candle.';
COMMENT ON COLUMN analytics.mart_returns_hourly.log_return_1y IS
    'Logarithm of the quotient of the close to that of the hour that began 365 days before; null where that hour has no candle.';
COMMENT ON COLUMN analytics.mart_returns_hourly.load_timestamp IS
    'When the row was last written, UTC.';

COMMENT ON TABLE analytics.mart_coin_daily IS
    'Return, realised volatility, drawdown and relative volume of a coin on a day (UTC).';
COMMENT ON COLUMN analytics.mart_coin_daily.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN analytics.mart_coin_daily.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN analytics.mart_coin_daily.day IS
    'The day (UTC).';
COMMENT ON COLUMN analytics.mart_coin_daily.close_price IS
    'Last price, in vs_currency.';
COMMENT ON COLUMN analytics.mart_coin_daily.simple_return_1d IS
    'Quotient less 1 of the close to that of the day before; null where that day has no candle.';
COMMENT ON COLUMN analytics.mart_coin_daily.log_return_1d IS
    'Logarithm of that quotient.';
COMMENT ON COLUMN analytics.mart_coin_daily.hourly_returns IS
    'How many hours of the day have a 1-hour return.';
COMMENT ON COLUMN analytics.mart_coin_daily.realised_variance IS
    'Sum of the squares of the day''s hourly log returns.';
COMMENT ON COLUMN analytics.mart_coin_daily.realised_volatility_1d IS
    'Its root, for a year of such hours.';
COMMENT ON COLUMN analytics.mart_coin_daily.realised_volatility_30d IS
    'The same of the 30 days up to this one.';
COMMENT ON COLUMN analytics.mart_coin_daily.daily_returns_30d IS
    'How many of the 30 days up to this one have a return.';
COMMENT ON COLUMN analytics.mart_coin_daily.volatility_30d IS
    'Standard deviation of the daily log returns of these days, for a year of 365 days; null of fewer than two.';
COMMENT ON COLUMN analytics.mart_coin_daily.peak_price IS
    'Highest close so far, in vs_currency.';
COMMENT ON COLUMN analytics.mart_coin_daily.drawdown IS
    'Close / highest close so far, less 1; 0 at the highest.';
COMMENT ON COLUMN analytics.mart_coin_daily.max_drawdown IS
    'Deepest drawdown so far.';
COMMENT ON COLUMN analytics.mart_coin_daily.total_volume IS
    'Last trading volume of 24 hours known, in vs_currency.';
COMMENT ON COLUMN analytics.mart_coin_daily.volume_median_30d IS
    'Median of the volumes of the 30 days before this one, in vs_currency.';
COMMENT ON COLUMN analytics.mart_coin_daily.volume_ratio IS
    'Volume / that median.';
COMMENT ON COLUMN analytics.mart_coin_daily.load_timestamp IS
    'When the row was last written, UTC.';

COMMENT ON TABLE analytics.mart_rankings_daily IS
    'Where a coin stands on a day (UTC) among all coins of a currency: size, dominance, and place among the movers of its class.';
COMMENT ON COLUMN analytics.mart_rankings_daily.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN analytics.mart_rankings_daily.day IS
    'The day (UTC).';
COMMENT ON COLUMN analytics.mart_rankings_daily.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN analytics.mart_rankings_daily.market_cap IS
    'Last market capitalisation known, in vs_currency.';
COMMENT ON COLUMN analytics.mart_rankings_daily.cap_position IS
    'Place by market capitalisation on that day among the coins held, 1 the largest; those without one come last.';
COMMENT ON COLUMN analytics.mart_rankings_daily.rank_class IS
    'Class of that place: 1-10, 11-50, 51-100, 101-250, 251+.';
COMMENT ON COLUMN analytics.mart_rankings_daily.market_cap_share IS
    'Dominance: share in the market capitalisation of all.';
COMMENT ON COLUMN analytics.mart_rankings_daily.simple_return_1d IS
    'Return since the day before; null across a gap.';
COMMENT ON COLUMN analytics.mart_rankings_daily.gain_position IS
    'Place by return in its class, 1 the highest; null without a return.';
COMMENT ON COLUMN analytics.mart_rankings_daily.loss_position IS
    'Place by return in its class, 1 the lowest; null without a return.';
COMMENT ON COLUMN analytics.mart_rankings_daily.load_timestamp IS
    'When the row was last written, UTC.';

COMMENT ON TABLE analytics.mart_market_daily IS
    'The market of a currency on a day (UTC): size, dominance and breadth of all coins held.';
COMMENT ON COLUMN analytics.mart_market_daily.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN analytics.mart_market_daily.day IS
    'The day (UTC).';
COMMENT ON COLUMN analytics.mart_market_daily.coins IS
    'Coins with a price.';
COMMENT ON COLUMN analytics.mart_market_daily.market_cap IS
    'Market capitalisation of all, as far as it is known, in vs_currency.';
COMMENT ON COLUMN analytics.mart_market_daily.total_volume IS
    'Trading volume of 24 hours of all, as far as it is known, in vs_currency.';
COMMENT ON COLUMN analytics.mart_market_daily.largest_id IS
    'CoinGecko''s stable key of the largest coin.';
COMMENT ON COLUMN analytics.mart_market_daily.largest_share IS
    'Dominance of the largest coin, from 0 to 1.';
COMMENT ON COLUMN analytics.mart_market_daily.top_10_share IS
    'Dominance of the ten largest, from 0 to 1.';
COMMENT ON COLUMN analytics.mart_market_daily.concentration IS
    'Herfindahl-Hirschman index: sum of the squared shares, from 0 to 1.';
COMMENT ON COLUMN analytics.mart_market_daily.advancing IS
    'Coins whose close is above that of the day before.';
COMMENT ON COLUMN analytics.mart_market_daily.declining IS
    'Coins whose close is below that of the day before.';
COMMENT ON COLUMN analytics.mart_market_daily.unchanged IS
    'Coins whose close is that of the day before.';
COMMENT ON COLUMN analytics.mart_market_daily.advancing_share IS
    'Advancing among those that have moved, from 0 to 1.';
COMMENT ON COLUMN analytics.mart_market_daily.at_peak IS
    'Coins that close at their highest so far.';
COMMENT ON COLUMN analytics.mart_market_daily.load_timestamp IS
    'When the row was last written, UTC.';

COMMENT ON TABLE analytics.mart_correlations_daily IS
    'Correlation of the daily log returns of two of the 20 largest coins of a day (UTC), over the 90 days up to it.';
COMMENT ON COLUMN analytics.mart_correlations_daily.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN analytics.mart_correlations_daily.day IS
    'The day (UTC).';
COMMENT ON COLUMN analytics.mart_correlations_daily.cap_position IS
    'Place of the larger coin by market capitalisation; those without one come last.';
COMMENT ON COLUMN analytics.mart_correlations_daily.other_position IS
    'Place of the smaller coin.';
COMMENT ON COLUMN analytics.mart_correlations_daily.crypto_id IS
    'CoinGecko''s stable key of the larger coin.';
COMMENT ON COLUMN analytics.mart_correlations_daily.other_id IS
    'CoinGecko''s stable key of the smaller coin.';
COMMENT ON COLUMN analytics.mart_correlations_daily.correlation IS
    'Pearson''s correlation, from -1 to 1; null where one does not vary, or of fewer than two days.';
COMMENT ON COLUMN analytics.mart_correlations_daily.common_days IS
    'Days on which both have a return.';
COMMENT ON COLUMN analytics.mart_correlations_daily.load_timestamp IS
    'When the row was last written, UTC.';

COMMENT ON TABLE mart_progress IS
    'Up to when the marts have what they are made of.';
COMMENT ON COLUMN mart_progress.made_of IS
    'The table that they are made of.';
COMMENT ON COLUMN mart_progress.loaded_until IS
    'When the newest of its rows that they have was written, UTC.';

COMMENT ON TABLE loading.replays IS
    'Every time that silver and gold were emptied to be loaded again from the landing zone.';
COMMENT ON COLUMN loading.replays.replay_id IS
    'Surrogate key.';
COMMENT ON COLUMN loading.replays.started_at IS
    'When the tables were emptied, UTC.';
COMMENT ON COLUMN loading.replays.finished_at IS
    'When all files were loaded again, UTC; while it is null, the next replay goes on with this one.';

COMMENT ON TABLE consensus_state IS
    'Up to when the consensus has read the candles and the mappings.';
COMMENT ON COLUMN consensus_state.only_row IS
    'Always true: the table has one row.';
COMMENT ON COLUMN consensus_state.read_until IS
    'What was written before is in the consensus, UTC.';

COMMENT ON TABLE lake.changes IS
    'The changes of the fact table since its start, in the order in which they became visible. A copy that has those up to a number goes on with the next.';
COMMENT ON COLUMN lake.changes.change_id IS
    'Number of the change; a later one is larger, also over databases that were made anew.';
COMMENT ON COLUMN lake.changes.kind IS
    'start: the facts before it are void; batch: the facts of batch_id were loaded; coin: facts of crypto_id from first_snapshot to last_snapshot were changed.';
COMMENT ON COLUMN lake.changes.batch_id IS
    'The batch whose facts were loaded.';
COMMENT ON COLUMN lake.changes.crypto_id IS
    'The coin some of whose facts were changed.';
COMMENT ON COLUMN lake.changes.first_snapshot IS
    'snapshot_time of the first of them.';
COMMENT ON COLUMN lake.changes.last_snapshot IS
    'snapshot_time of the last of them.';

COMMENT ON VIEW v_price_history IS
    'Every snapshot with its metrics, the symbol and name of its time, and where it came from.';
COMMENT ON VIEW v_latest_prices IS
    'The newest price of every coin in every currency, as gold has it; is_stale marks a coin that the source has not updated for a day.';
COMMENT ON COLUMN v_latest_prices.is_stale IS
    'Whether the source has not updated the coin for a day before the newest batch.';
COMMENT ON VIEW v_deduplication_stats IS
    'What deduplication and quarantine did, by day (UTC), source and currency.';
COMMENT ON COLUMN v_deduplication_stats.day IS
    'Day (UTC) of the fetches.';
COMMENT ON COLUMN v_deduplication_stats.batches IS
    'Completed batches.';
COMMENT ON COLUMN v_deduplication_stats.duplicate_percentage IS
    'Duplicates among the records fetched, in percent.';
COMMENT ON VIEW asked_history IS
    'The hours of each coin and currency that a chart was asked for, as far as they were over then; of an answer that is empty up to now, a week more.';
COMMENT ON COLUMN asked_history.asked IS
    'The hours (UTC) for which a chart was asked and answered.';
COMMENT ON VIEW expected_history IS
    'What is expected of each coin and currency: days, and from the first day that was asked every hour on, hours.';
COMMENT ON COLUMN expected_history.by_day IS
    'The time (UTC) in which every day is expected.';
COMMENT ON COLUMN expected_history.by_hour IS
    'The time (UTC) in which every hour is expected.';
COMMENT ON VIEW coin_current_ids IS
    'The ids that are no more and go on as another, by the confirmed aliases.';
COMMENT ON COLUMN coin_current_ids.current_id IS
    'Id under which it goes on, as people confirmed.';
COMMENT ON VIEW coin_former_ids IS
    'The ids that a coin had before, by the confirmed aliases.';
COMMENT ON COLUMN coin_former_ids.former_id IS
    'Id that it had before, as people confirmed.';
COMMENT ON COLUMN coin_former_ids.steps IS
    'How many ids before.';
COMMENT ON VIEW analytics.v_top_movers IS
    'The coins of each currency and rank class that gained and lost most on the newest day, up to ten each.';
COMMENT ON COLUMN analytics.v_top_movers.vs_currency IS
    'Currency of all amounts of the row.';
COMMENT ON COLUMN analytics.v_top_movers.day IS
    'The newest day (UTC) of that currency.';
COMMENT ON COLUMN analytics.v_top_movers.rank_class IS
    'Class of that place: 1-10, 11-50, 51-100, 101-250, 251+.';
COMMENT ON COLUMN analytics.v_top_movers.simple_return_1d IS
    'Return since the day before; null across a gap.';
COMMENT ON COLUMN analytics.v_top_movers.cap_position IS
    'Place by market capitalisation on that day among the coins held, 1 the largest; those without one come last.';
COMMENT ON COLUMN analytics.v_top_movers.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN analytics.v_top_movers.symbol IS
    'Newest ticker symbol; several coins can share one.';
COMMENT ON COLUMN analytics.v_top_movers.name IS
    'Newest name of the coin.';
COMMENT ON COLUMN analytics.v_top_movers.direction IS
    'gain or loss.';
COMMENT ON COLUMN analytics.v_top_movers.place IS
    'Place in its class, 1 the coin that moved most.';
COMMENT ON VIEW coin_list_answers IS
    'The answers of the list of active coins in time, and whether each is complete.';
COMMENT ON COLUMN coin_list_answers.previous_at IS
    'Time of the answer before, UTC.';
COMMENT ON COLUMN coin_list_answers.most_listed_before IS
    'Most coins in one of the seven answers before.';
COMMENT ON COLUMN coin_list_answers.is_complete IS
    'Whether it has nine tenths of most_listed_before or more, and is no recording; else nothing follows from what it lacks.';
COMMENT ON COLUMN coin_list_answers.complete_answers IS
    'Complete answers so far, with this one.';
COMMENT ON VIEW coin_periods IS
    'The times in which a coin was in the list of active coins, each with what follows it.';
COMMENT ON COLUMN coin_periods.listed_from IS
    'First answer that has the coin, UTC.';
COMMENT ON COLUMN coin_periods.listed_until IS
    'First answer that lacks it, UTC; null while it is listed.';
COMMENT ON COLUMN coin_periods.listed_again_from IS
    'First answer that has it again, UTC.';
COMMENT ON COLUMN coin_periods.last_listed_at IS
    'Last answer of the period that has it, UTC.';
COMMENT ON COLUMN coin_periods.missed_answers IS
    'Complete answers in a row that lack it afterwards.';
COMMENT ON COLUMN coin_periods.known_inactive_at IS
    'Answer from which on it counts as inactive, UTC: the third complete one that lacks it, or the first list of inactive coins that has it.';
COMMENT ON VIEW coin_events IS
    'What happened to the coins, as the list of coins and the snapshots show it, and as people confirmed.';
COMMENT ON COLUMN coin_events.event IS
    'listed, renamed, symbol changed, delisted, relisted or successor.';
COMMENT ON COLUMN coin_events.happened_at IS
    'When the source first said so, UTC.';
COMMENT ON COLUMN coin_events.known_at IS
    'When it was certain, UTC: later than happened_at for delisted and successor.';
COMMENT ON COLUMN coin_events.old_value IS
    'Name, symbol or id before.';
COMMENT ON COLUMN coin_events.new_value IS
    'Name, symbol or id after.';
COMMENT ON COLUMN coin_events.said_by IS
    'Who said so first: coin list, snapshots, or who confirmed it.';
COMMENT ON VIEW coin_alias_suggestions IS
    'Ids that may be one coin: one that is gone, and a listed one with the same contract.';
COMMENT ON COLUMN coin_alias_suggestions.equal_contracts IS
    'Contracts that both have, on the same platform.';
COMMENT ON COLUMN coin_alias_suggestions.old_last_listed_at IS
    'Last answer that has the old id, UTC.';
COMMENT ON COLUMN coin_alias_suggestions.new_listed_from IS
    'First answer that has the new id, UTC.';
COMMENT ON VIEW analytics.v_coins IS
    'Every coin that is known, one row each: whether it is active, when it was seen, and under which id it goes on.';
COMMENT ON COLUMN analytics.v_coins.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN analytics.v_coins.symbol IS
    'Newest ticker symbol; several coins can share one.';
COMMENT ON COLUMN analytics.v_coins.name IS
    'Newest name of the coin.';
COMMENT ON COLUMN analytics.v_coins.is_active IS
    'Whether CoinGecko follows the coin; null where no list of coins says.';
COMMENT ON COLUMN analytics.v_coins.first_seen_at IS
    'First list or snapshot with the coin, UTC.';
COMMENT ON COLUMN analytics.v_coins.last_seen_at IS
    'Last list or snapshot with the coin, UTC.';
COMMENT ON COLUMN analytics.v_coins.listed_from IS
    'Start of its newest time in the list, UTC.';
COMMENT ON COLUMN analytics.v_coins.missed_answers IS
    'Complete lists in a row that lack it, up to now.';
COMMENT ON COLUMN analytics.v_coins.in_snapshots IS
    'Whether a snapshot ever had it.';
COMMENT ON COLUMN analytics.v_coins.contracts IS
    'Its newest contract addresses, by platform.';
COMMENT ON COLUMN analytics.v_coins.current_id IS
    'The id under which it goes on, by confirmed aliases; its own if there is none.';
COMMENT ON VIEW analytics.v_gaps IS
    'What is expected of the price history and is not there, with what is known of why.';
COMMENT ON COLUMN analytics.v_gaps.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN analytics.v_gaps.vs_currency IS
    'Currency of the missing prices.';
COMMENT ON COLUMN analytics.v_gaps.grid IS
    'hour or day: what is expected.';
COMMENT ON COLUMN analytics.v_gaps.gap_start IS
    'First moment of the gap, UTC.';
COMMENT ON COLUMN analytics.v_gaps.gap_end IS
    'End of the gap, UTC, exclusive.';
COMMENT ON COLUMN analytics.v_gaps.missing_points IS
    'How many hours or days are missing.';
COMMENT ON COLUMN analytics.v_gaps.reason IS
    'What is known of why.';
COMMENT ON COLUMN analytics.v_gaps.is_explained IS
    'Whether the source was asked and has none: it is not asked again.';
COMMENT ON VIEW coin_mapping_suggestions IS
    'Which coin a coin of a further source may be: one with the same contract, or with the same symbol and name; those that are in the list of coins or in snapshots, and not mapped yet.';
COMMENT ON COLUMN coin_mapping_suggestions.equal_contracts IS
    'Contract addresses that both have.';
COMMENT ON COLUMN coin_mapping_suggestions.have_other_contracts IS
    'Whether both have contracts, and none in common: which speaks against it.';
COMMENT ON COLUMN coin_mapping_suggestions.is_same_symbol IS
    'Whether both have the same symbol, in any capitals.';
COMMENT ON COLUMN coin_mapping_suggestions.is_same_name IS
    'Whether both have the same name, in any capitals.';
COMMENT ON COLUMN coin_mapping_suggestions.is_only_one IS
    'Whether neither the source''s coin nor the coin has another suggestion as good.';
COMMENT ON VIEW analytics.v_source_prices IS
    'The price of a coin in an hour (UTC) as each source says it: CoinGecko''s candles and, of mapped coins, the quotes of further sources.';
COMMENT ON COLUMN analytics.v_source_prices.crypto_id IS
    'CoinGecko''s stable key of the coin.';
COMMENT ON COLUMN analytics.v_source_prices.vs_currency IS
    'Currency of the price.';
COMMENT ON COLUMN analytics.v_source_prices.hour_start IS
    'Start of the hour, UTC.';
COMMENT ON COLUMN analytics.v_source_prices.source_key IS
    'The source, in dim_source.';
COMMENT ON COLUMN analytics.v_source_prices.price IS
    'Mean of the prices that the source said in the hour.';
COMMENT ON COLUMN analytics.v_source_prices.observations IS
    'How many prices it is the mean of.';
COMMENT ON VIEW v_pipeline_batches IS
    'Every load of a file of market snapshots: when, and how many records came, were loaded, were there already, or were rejected.';
COMMENT ON VIEW v_pipeline_rejections IS
    'Every rule that a record or point of price history broke, and whether it was loaded since.';
COMMENT ON COLUMN v_pipeline_rejections.rule IS
    'A rule that was broken; one row for each.';
COMMENT ON VIEW v_pipeline_requests IS
    'Every request to the source, with its credits.';
-- [[[end]]]

-- A view's other columns mean what the columns of that name mean in the tables.
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN
        SELECT DISTINCT ON (v.attrelid, v.attnum)
            v.attrelid::regclass AS view, v.attname AS name, d.description
        FROM pg_attribute AS v
        JOIN pg_class AS r ON r.oid = v.attrelid AND r.relkind = 'v'
        JOIN pg_attribute AS t ON t.attname = v.attname
        JOIN pg_class AS s ON s.oid = t.attrelid AND s.relkind IN ('r', 'p')
        JOIN pg_description AS d ON d.objoid = t.attrelid AND d.objsubid = t.attnum
        WHERE r.relnamespace = 'public'::regnamespace
            AND s.relnamespace = 'public'::regnamespace
            AND d.classoid = 'pg_class'::regclass
        ORDER BY
            v.attrelid, v.attnum,
            -- A table that the view has the column from, before one that has a column of that name.
            NOT EXISTS (
                SELECT FROM pg_rewrite AS w
                JOIN pg_depend AS f ON f.classid = 'pg_rewrite'::regclass AND f.objid = w.oid
                WHERE w.ev_class = v.attrelid
                    AND f.refobjid = t.attrelid AND f.refobjsubid = t.attnum
            ),
            s.relname <> 'price_snapshots', s.relname
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', c.view, c.name, c.description);
    END LOOP;
END
$$;
