"""The source: everything that knows how CoinGecko's API v3 speaks."""
