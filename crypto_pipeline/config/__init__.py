"""What the environment says: settings, where secrets come from, what keeps them out of output.

Here belongs each variable that a user may set, its check and its default. What a setting does
belongs to the room that uses it. Nothing here knows Dagster, PostgreSQL or CoinGecko's API.
"""
