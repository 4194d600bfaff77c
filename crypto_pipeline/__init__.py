"""A crypto market-data warehouse: CoinGecko to bronze, silver and gold, with Dagster."""
