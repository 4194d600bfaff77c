"""Where Dagster lets Spark load the lake: a Spark Connect server, Databricks Connect, or a job of a
Databricks workspace. ``SPARK_REMOTE`` says which."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import dagster as dg

from crypto_pipeline.config.settings import GraphSettings, Settings
from crypto_pipeline.lakehouse.differences import Parity
from crypto_pipeline.lakehouse.schema import CANDLE_TABLES, LAKE_TABLES, MART_TABLES, LakeError
from crypto_pipeline.landing.landed import LANDING_FOLDER
from crypto_pipeline.warehouse.postgres import Warehouse

_DATABRICKS: Final = "databricks"
_DATABRICKS_JOB: Final = "databricks-job:"
_JOB_TIME: Final = timedelta(hours=2)


class Spark(dg.ConfigurableResource[Any]):
    """The engine that ``SPARK_REMOTE`` names, if it names one."""

    @property
    def selected(self) -> bool:
        """Whether Spark loads the lake, rather than delta-rs."""
        return GraphSettings().spark_remote is not None

    def load_lake(self) -> dict[str, dict[str, Any]]:
        """Load the landing files that the lake lacks, and check its tables.

        Returns:
            Metadata by table.

        Raises:
            LakeError: a package is missing, or the job failed.
            ChecksFailedError: the tables are wrong.
        """
        remote = GraphSettings().spark_remote
        assert remote is not None
        if remote.startswith(_DATABRICKS_JOB):
            return _run_job(int(remote.removeprefix(_DATABRICKS_JOB)))
        return _load(remote)

    def compare(
        self, warehouse: Warehouse, batches: Sequence[int] | None = None, *, rows: bool = False
    ) -> Parity | None:
        """Compare the tables with PostgreSQL's; of all batches, run their own checks too, as every
        load does at its end.

        Args:
            warehouse: Where PostgreSQL's gold is.
            batches: Only the facts of these batches of PostgreSQL; all if None.
            rows: Whether to compare all facts row by row.

        Returns:
            What was found; None where a job loads the lake, whose tables cannot be read from here.

        Raises:
            LakeError: a package is missing.
            ChecksFailedError: the tables are wrong.
        """
        remote = GraphSettings().spark_remote
        assert remote is not None
        if remote.startswith(_DATABRICKS_JOB):
            return None
        with _Session(remote) as session:
            from crypto_pipeline.lakehouse.spark.checks import verify  # noqa: PLC0415
            from crypto_pipeline.lakehouse.spark.parity import compare  # noqa: PLC0415

            lake = session.lake()
            found = compare(warehouse, lake, batches, rows=rows)
            if batches is None:
                verify(lake)
        return found

    def load_candles(self) -> dict[str, dict[str, Any]]:
        """Make the candles that ``load_lake`` has left pending, if any: it makes them too.

        Returns:
            Metadata by table.

        Raises:
            LakeError: a package is missing.
        """
        remote = GraphSettings().spark_remote
        assert remote is not None
        if remote.startswith(_DATABRICKS_JOB):
            return {table.name: {} for table in CANDLE_TABLES}
        with _Session(remote) as session:
            from crypto_pipeline.lakehouse.spark.candles import load_candles  # noqa: PLC0415

            lake = session.lake()
            lake.create()
            load_candles(lake)
            return {table.name: _described(lake, table.name) for table in CANDLE_TABLES}

    def describe_marts(self) -> dict[str, dict[str, Any]]:
        """What the marts are that Spark has made with its candles.

        Returns:
            Metadata by table.

        Raises:
            LakeError: a package is missing.
        """
        remote = GraphSettings().spark_remote
        assert remote is not None
        if remote.startswith(_DATABRICKS_JOB):
            return {table.name: {} for table in MART_TABLES}
        with _Session(remote) as session:
            lake = session.lake()
            lake.create()
            return {table.name: _described(lake, table.name) for table in MART_TABLES}

    def compare_candles(self, warehouse: Warehouse, *, rows: bool = False) -> Parity | None:
        """Compare the candles with PostgreSQL's.

        Args:
            warehouse: Where PostgreSQL's gold is.
            rows: Whether to compare all candles one by one.

        Returns:
            What was found; None where a job loads the lake, whose tables cannot be read from here.

        Raises:
            LakeError: a package is missing.
        """
        remote = GraphSettings().spark_remote
        assert remote is not None
        if remote.startswith(_DATABRICKS_JOB):
            return None
        with _Session(remote) as session:
            from crypto_pipeline.lakehouse.spark.candle_parity import (  # noqa: PLC0415
                compare_candles,
            )

            return compare_candles(warehouse, session.lake(), rows=rows)

    def compare_marts(self, warehouse: Warehouse, *, rows: bool = False) -> Parity | None:
        """Compare the marts with PostgreSQL's, where the candles are the same: what these lack, or
        have in another order, the marts lack too.

        Args:
            warehouse: Where PostgreSQL's gold is.
            rows: Whether to compare all rows one by one.

        Returns:
            What was found; None where a job loads the lake, whose tables cannot be read from here.

        Raises:
            LakeError: a package is missing.
        """
        candles = self.compare_candles(warehouse)
        if candles is None:
            return None
        if candles.pending or candles.differences or candles.other_order:
            return Parity([], pending=candles.pending)
        with _Session(str(GraphSettings().spark_remote)) as session:
            from crypto_pipeline.lakehouse.spark.mart_parity import compare_marts  # noqa: PLC0415

            return compare_marts(warehouse, session.lake(), rows=rows)


def _described(lake: Any, table: str) -> dict[str, Any]:
    return {
        "dagster/row_count": lake.table(table).count(),
        "dagster/table_name": f"{lake.schema}.{table}",
    }


class _Session:
    """A Spark session of our own, stopped at the end."""

    def __init__(self, remote: str) -> None:
        try:
            if remote == _DATABRICKS:
                from databricks.connect import DatabricksSession  # noqa: PLC0415

                self._session = DatabricksSession.builder.getOrCreate()
            else:
                from pyspark.sql import SparkSession  # noqa: PLC0415

                self._session = SparkSession.builder.remote(remote).create()
        except ModuleNotFoundError as error:
            package = "databricks-connect" if remote == _DATABRICKS else "crypto-pipeline[spark]"
            raise LakeError(
                f"SPARK_REMOTE needs {error.name}, which is not installed: pip install '{package}'"
            ) from None

    def __enter__(self) -> "_Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.stop()

    def lake(self) -> Any:
        """The schema that the configuration names."""
        from crypto_pipeline.lakehouse.spark.lake import Lake  # noqa: PLC0415

        settings = Settings()
        return Lake(self._session, settings.spark_schema, settings.lake_uri)


def _load(remote: str) -> dict[str, dict[str, Any]]:
    with _Session(remote) as session:
        from crypto_pipeline.lakehouse.spark.checks import verify  # noqa: PLC0415
        from crypto_pipeline.lakehouse.spark.load import load  # noqa: PLC0415

        settings = Settings()
        lake = session.lake()
        landing = f"{settings.landing_uri.rstrip('/')}/{LANDING_FOLDER}"
        loaded = load(lake, landing, settings.max_rejected_share)
        verify(lake)
        rows = {table.name: lake.table(table.name).count() for table in LAKE_TABLES}
        return {
            name: {
                "dagster/row_count": count,
                "dagster/table_name": f"{lake.schema}.{name}",
                "batches_loaded": loaded.completed,
                "failed_files": dg.JsonMetadataValue(loaded.failed),
            }
            for name, count in rows.items()
        }


def _run_job(job_id: int) -> dict[str, dict[str, Any]]:
    try:
        from databricks.sdk import WorkspaceClient  # noqa: PLC0415
        from databricks.sdk.errors import OperationFailed  # noqa: PLC0415
        from databricks.sdk.service.jobs import RunResultState  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise LakeError(
            f"SPARK_REMOTE needs {error.name}, which is not installed:"
            " pip install 'crypto-pipeline[databricks]'"
        ) from None
    try:
        run = WorkspaceClient().jobs.run_now_and_wait(job_id, timeout=_JOB_TIME)
    except OperationFailed as error:
        raise LakeError(f"job {job_id} failed in Databricks: {error}") from error
    # A run whose notebook failed, in the cells that check the tables or before, has ended well for
    # the client.
    if run.state is None or run.state.result_state is not RunResultState.SUCCESS:
        raise LakeError(f"job {job_id} failed in Databricks, see {run.run_page_url}")
    metadata: dict[str, Any] = {"run_id": run.run_id or 0}
    if run.run_page_url:
        metadata["run_page"] = dg.MetadataValue.url(run.run_page_url)
    return {table.name: metadata for table in LAKE_TABLES}
