"""A CoinGecko-shaped server on loopback, for the demo, the tests and the benchmarks.

It stands alone: nothing here is imported by the pipeline itself. Every response says in
``x-data-source`` that its data is simulated or recorded, and in ``x-sandbox-time`` what time it is
in the simulation.
"""
