"""``python -m crypto_pipeline.cli`` is ``crypto-pipeline``."""

from crypto_pipeline.cli.main import main

main()
