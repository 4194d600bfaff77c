"""Bronze: the landing zone, whose files are kept for ever as they came.

Here belong the forms that landing files come in, where they lie (a folder or an object store) and
the IO manager that writes them. What a record in a file means belongs to its source
(``coingecko``); what becomes of it belongs to ``warehouse`` and ``lakehouse``.
"""
