"""PostgreSQL: the connection, the embedded server, migrations, loads into silver and gold,
maintenance, roles, and the IO manager.

Here belongs how rows get into tables and stay right there. Which rows a table should hold is said
by the files in ``sql/`` and by ``assets``; when they are wrong, by ``checks``. Delta tables belong
to ``lakehouse``.
"""
