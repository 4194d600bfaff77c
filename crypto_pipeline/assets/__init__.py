"""The assets, a module a layer: which rows every table should hold, as Dagster shows it.

Here belong assets, and jobs that stand for them in bulk. How rows are stored belongs to
``warehouse``, ``landing`` and ``lakehouse``; schedules belong to ``automation.py``.
"""
