"""Run every benchmark and print its table."""

from crypto_pipeline_tests.benchmarks import hourly

hourly.main()
