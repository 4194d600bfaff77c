"""A crypto market-data warehouse: CoinGecko to bronze, silver and gold, by a Dagster asset graph."""
