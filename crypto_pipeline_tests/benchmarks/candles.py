"""Does an hour of candles, marts and gaps cost the same, whatever there is? Sizes in candles.

Filled are the candles and their marts, and nothing that they are made of: an hour's load reads
its own snapshots.
"""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.benchmarks.flat import (
    HOURS,
    fill,
    measure,
    print_figures,
    use_database,
    use_folder,
)

# As if charts had them: of snapshots the checks would want to see these.
_HOURLY = f"""
INSERT INTO month_fact_crypto_price_hourly (
    date_key, time_key, source_key, crypto_id, vs_currency, hour_start, open_price, high_price,
    low_price, close_price, mean_price, observations, coverage_share, origin, load_timestamp
)
SELECT
    date_key(hour), hour_key(hour), o.source_key, c.crypto_id, 'usd', hour, 1, 2, 1, 2, 1.5, 1,
    0.0833, 'chart', now()
{HOURS}
CROSS JOIN analytics.dim_cryptocurrency AS c
JOIN analytics.dim_source AS o ON o.source_name = %(source)s
"""
_DAILY = """
INSERT INTO analytics.fact_crypto_price_daily (
    date_key, source_key, crypto_id, vs_currency, day, open_price, high_price, low_price,
    close_price, mean_price, observations, coverage_share, origin
)
SELECT
    date_key, min(source_key), crypto_id, vs_currency, date_key::text::date, 1, 2, 1, 2, 1.5,
    count(*), round(count(*) / 24.0, 4), 'chart'
FROM analytics.fact_crypto_price_hourly
GROUP BY date_key, crypto_id, vs_currency
ON CONFLICT DO NOTHING
"""
_RETURNS = """
INSERT INTO month_mart_returns_hourly (
    crypto_id, vs_currency, hour_start, simple_return_1h, log_return_1h, simple_return_24h,
    log_return_24h, simple_return_7d, log_return_7d, simple_return_30d, log_return_30d,
    simple_return_1y, log_return_1y, load_timestamp
)
SELECT crypto_id, vs_currency, hour_start, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, load_timestamp
FROM month_fact_crypto_price_hourly
"""
_MARTS = """
INSERT INTO analytics.mart_coin_daily (
    crypto_id, vs_currency, day, close_price, simple_return_1d, log_return_1d, hourly_returns,
    realised_variance, daily_returns_30d, volatility_30d, peak_price, drawdown, max_drawdown
)
SELECT crypto_id, vs_currency, day, 2, 0, 0, 24, 0, 30, 0, 2, 0, 0
FROM analytics.fact_crypto_price_daily
ON CONFLICT DO NOTHING;
INSERT INTO analytics.mart_rankings_daily (
    vs_currency, day, crypto_id, cap_position, rank_class, simple_return_1d
)
SELECT vs_currency, day, crypto_id, place, rank_class(place), 0
FROM (
    SELECT
        vs_currency, day, crypto_id,
        (row_number() OVER (PARTITION BY vs_currency, day ORDER BY crypto_id))::integer AS place
    FROM analytics.fact_crypto_price_daily
) AS d
ON CONFLICT DO NOTHING;
INSERT INTO analytics.mart_market_daily (
    vs_currency, day, coins, largest_id, advancing, declining, unchanged, at_peak
)
SELECT vs_currency, day, count(*), min(crypto_id), 0, 0, count(*), count(*)
FROM analytics.fact_crypto_price_daily GROUP BY vs_currency, day
ON CONFLICT DO NOTHING;
INSERT INTO mart_progress SELECT of, clock_timestamp()
FROM unnest(ARRAY['fact_crypto_price_hourly', 'fact_crypto_price_daily']) AS of
ON CONFLICT DO NOTHING
"""
_SERIES = """
INSERT INTO history_series (
    crypto_id, vs_currency, first_day, last_day, first_hourly_day, in_snapshots, first_hour,
    last_hour
)
SELECT
    crypto_id, vs_currency, min(day), max(day), min(day), true,
    min(day)::timestamp AT TIME ZONE 'UTC',
    max(day)::timestamp AT TIME ZONE 'UTC' + interval '23 hours'
FROM analytics.fact_crypto_price_daily
GROUP BY crypto_id, vs_currency
ON CONFLICT DO NOTHING
"""
_ROWS = {
    "analytics.fact_crypto_price_hourly": _HOURLY,
    "analytics.mart_returns_hourly": _RETURNS,
}
_READS = {
    "gaps of the last 42 days": ("SELECT count(*) FROM gaps_between({since}, 'infinity')"),
    "last 1,000 hours of a coin": (
        "SELECT * FROM analytics.fact_crypto_price_hourly"
        " WHERE crypto_id = 'bitcoin' AND vs_currency = 'usd' AND hour_start >= {since}"
        " ORDER BY hour_start"
    ),
}


def run(sizes: Iterable[int], runs: int, folder: Path | None) -> None:
    """Fill what is missing, measure and print.

    Args:
        sizes: Hourly candles of each database.
        runs: Rounds that count; the table shows the medians.
        folder: Where the databases are kept; by default they are thrown away.
    """
    console = Console(width=110)
    use_folder(folder)
    sizes = sorted(set(sizes))
    for size in sizes:
        use_database(size)
        fill(size, _ROWS, console)
        with Warehouse().work() as connection, console.status("making days ..."):
            connection.execute(_DAILY)
            connection.execute(_SERIES)
            connection.execute(_MARTS)
        with Warehouse().connection() as connection:
            # As autovacuum, which the fill has stopped, would do.
            connection.autocommit = True
            connection.execute(
                "VACUUM (ANALYZE) analytics.fact_crypto_price_daily, history_series,"
                " analytics.mart_coin_daily, analytics.mart_rankings_daily,"
                " analytics.mart_market_daily"
            )
    print_figures(console, measure(sizes, runs, _READS, console), runs)
