"""Gold as Delta tables: schema, the delta-rs writer, comparison with PostgreSQL, queries by DuckDB;
in ``spark``, the whole way on Spark; what is generated of Snowflake's SQL.

Here belongs everything that knows an engine other than PostgreSQL. What the columns mean belongs to
``model``. Packages of the extras ``lake`` and ``spark`` are imported in this room only, and only by
what needs them.
"""
