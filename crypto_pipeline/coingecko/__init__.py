"""The source: everything that knows how CoinGecko's API v3 speaks.

Here belong its client, request budget and errors, and the decoder of its records. Where answers are
kept belongs to ``landing``. A second source is a room beside this one, with the same file names.
"""
