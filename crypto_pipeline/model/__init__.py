"""What the data means: columns, data-quality rules, time buckets, partitions, and the SQL files.

Here belongs a fact about the data that more than one room needs, defined once. How rows are stored
(``warehouse``, ``lakehouse``) or fetched (``coingecko``) does not. Nothing here opens a connection
or a file other than those of ``sql/``.
"""
