"""CoinPaprika: the client, the request budget, the decoders of its answers.

Source of what is said of it here: its OpenAPI description (1.7, github.com/coinpaprika) and the
pages of docs.coinpaprika.com that are made of it.
"""
