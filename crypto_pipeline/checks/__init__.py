"""The asset checks, a module a layer.

A check is a question whose answer is the rows that are wrong: no rows, and it passes. In the run of
an hour the checks look at that hour's batches, in a run without partitions at all of them. The
question is a file in ``sql/checks``, or a rule of ``model/quality.py``; nothing here changes a row.
"""
