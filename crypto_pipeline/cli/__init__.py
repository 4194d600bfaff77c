"""The command line, ``crypto-pipeline``: the asset graph's jobs as verbs."""

from crypto_pipeline.cli.main import main

__all__ = ["main"]
