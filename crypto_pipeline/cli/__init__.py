"""The command line, ``crypto-pipeline``: the asset graph's jobs as verbs.

Here belongs what a person types and reads: verbs, reports, the pages of ``docs/``, figures for
monitors, the services that ``up`` starts. What a verb does to the data belongs to the rooms below.
"""

from crypto_pipeline.cli.main import main

__all__ = ["main"]
