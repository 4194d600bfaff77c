"""Bronze, silver and gold on Spark: the whole way as Delta tables of a schema, for any session.

It runs on Databricks, on open-source Spark with Delta Lake, and on Sail. Nothing here starts a
session, and nothing needs Dagster or PostgreSQL: the rooms it uses are ``coingecko`` (the decoder),
``model`` (the rules), ``landing`` (the files), ``lakehouse.schema`` (the types) and the files in
``sql/spark``.
"""
