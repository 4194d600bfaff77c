"""Bronze: the asset that keeps what CoinGecko answered."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import NamedTuple

import dagster as dg

from crypto_pipeline.assets.conventions import CODE_VERSION, FRESHNESS, ONE_RUN, OWNERS, RETRY, TAGS
from crypto_pipeline.assets.partitions import hourly
from crypto_pipeline.coingecko.capture import Capture, CaptureError
from crypto_pipeline.coingecko.client import CoinGeckoClient
from crypto_pipeline.coingecko.errors import CoinGeckoError
from crypto_pipeline.coingecko.resource import CoinGecko
from crypto_pipeline.config.redaction import redacted
from crypto_pipeline.config.secret_references import SecretError
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.fetching.errors import SourceError
from crypto_pipeline.landing.landed import hour_of
from crypto_pipeline.landing.object_store import ObjectStoreError
from crypto_pipeline.landing.resource import LandingZoneResource
from crypto_pipeline.landing.watch_list import WatchList, watch_lists
from crypto_pipeline.landing.zone import LandingFile, LandingZone

INTERACTIVE_TAG = "crypto_pipeline/interactive"
"""Tag of a run that a person waits for: a failed fetch is reported at once, not retried."""


@dg.asset(
    partitions_def=hourly,
    backfill_policy=ONE_RUN,
    io_manager_key="landing",
    dagster_type=dg.PythonObjectDagsterType(list, name="CapturesOrLandingFiles"),
    group_name="bronze",
    kinds={"coingecko", "json", "file"},
    owners=OWNERS,
    tags={**TAGS, "layer": "bronze"},
    code_version=CODE_VERSION,
    freshness_policy=FRESHNESS,
    pool="coingecko_api",
    retry_policy=RETRY,
)
def market_snapshots(
    context: dg.AssetExecutionContext, coingecko: CoinGecko, landing_zone: LandingZoneResource
) -> list[Capture | LandingFile]:
    """Responses of CoinGecko's `/coins/markets`, byte for byte, one immutable file for each
    currency of an ingest: the largest coins, and those that were among them before.

    The current hour is fetched. A currency that cannot be had does not cost the others: these are
    kept, and the next try asks for what is missing. An answer that cannot be read is kept too. A
    past hour is what lies in the landing zone: the endpoint has no past. Files dropped in by hand
    beside the hours are first filed under their hour.
    """
    window = context.partition_time_window
    start, end = hour_of(window.start), hour_of(window.end)
    settings = Settings()
    with source_failures(context):
        # Before the fetch, which would be in vain where the landing zone does not serve us.
        zone = landing_zone.zone()
        for file in zone.file_unfiled(
            among_hours=False,
            on_failure=lambda uri, problem: context.log.warning(
                "%s cannot be filed: %s", uri, problem
            ),
        ):
            context.log.info("filed %s", file.path)
        with coingecko.client(context.run.run_id) as client:
            if start <= client.now() < end and end - start == timedelta(hours=1):
                fetched = _fetch(context, client, zone, settings, start)
                captures = fetched.captures
                if fetched.problem is not None and _is_tried_again(context, fetched.problem):
                    for capture in captures:
                        context.log.info("kept as %s", zone.write(capture).path)
                    raise fetched.problem
                if fetched.problem is not None and not captures and not fetched.files:
                    raise fetched.problem
                if fetched.missing:
                    context.add_output_metadata({"currencies missing": fetched.missing})
                # An answer that came later is kept under its own hour, whose run loads it.
                if fetched.files or any(hour_of(one.ingested_at) == start for one in captures):
                    return [*fetched.files, *captures]
                for capture in captures:
                    context.log.info("kept as %s", zone.write(capture).path)
                raise dg.Failure(
                    f"the hour {start:%Y-%m-%d %H:%M} ended before the fetch began: the run of the"
                    " next hour loads what came",
                    allow_retries=False,
                )
        files = list(zone.files(start, end))
    if not files:
        raise dg.Failure(
            f"no landing file for {start:%Y-%m-%d %H:%M} UTC, and /coins/markets answers for the"
            " present only: drop a file for that hour into the landing zone",
            allow_retries=False,
        )
    return [*files]


class _Fetched(NamedTuple):
    """``files`` are those of an earlier try; ``missing`` could not be had, the last time because of
    ``problem``."""

    captures: list[Capture]
    files: list[LandingFile]
    missing: list[str]
    problem: CoinGeckoError | None


def _is_tried_again(context: dg.AssetExecutionContext, problem: CoinGeckoError) -> bool:
    return (
        problem.retryable
        and INTERACTIVE_TAG not in context.run.tags
        and context.retry_number < RETRY.max_retries
    )


def _fetch(
    context: dg.AssetExecutionContext,
    client: CoinGeckoClient,
    zone: LandingZone,
    settings: Settings,
    hour: datetime,
) -> _Fetched:
    """What the endpoint says in each currency; of a try again, in those that the hour lacks. What
    cannot be had in the last try is a gap, which the next repair closes."""
    files: dict[str | None, LandingFile] = {}
    if context.retry_number:
        for file in zone.files(hour, hour + timedelta(hours=1)):
            with suppress(CaptureError, OSError):
                capture = file.capture()
                if capture.records and capture.vs_currency in settings.currencies:
                    files[capture.vs_currency] = file
    captures: list[Capture] = []
    missing: list[str] = []
    problem: CoinGeckoError | None = None
    watched: dict[str, WatchList] = {}
    if not settings.coingecko_ids:
        watched = watch_lists(
            zone,
            settings.currencies,
            hour,
            settings.coingecko_keep_rank,
            settings.coingecko_keep_days,
        )
    for currency in [one for one in settings.currencies if one not in files]:
        watch = watched.get(currency, WatchList())
        for coin, answered_at in watch.given_up.items():
            context.log.warning(
                "%s had no price in %s since %s and is no longer asked for",
                *(coin, currency, answered_at),
            )
        try:
            capture = client.markets(
                currency,
                settings.coingecko_top_n,
                settings.coingecko_ids,
                settings.coingecko_include_rehypothecated,
                watch.due,
                on_page=lambda page, records: context.log.info(
                    "page %d: %d records so far", page, records
                ),
                on_unreadable=lambda capture: _keep_unreadable(context, zone, capture),
            )
        except CoinGeckoError as failure:
            problem = failure
            missing.append(currency)
            context.log.error("no prices in %s: %s", currency, failure)
        else:
            captures.append(watch.noted(capture))
    return _Fetched(captures, list(files.values()), missing, problem)


def _keep_unreadable(
    context: dg.AssetExecutionContext, zone: LandingZone, capture: Capture
) -> None:
    """Keep an answer that could not be read; it becomes a failed batch. Whatever is in the way of
    that must not keep the next attempt waiting."""
    try:
        file = zone.write(capture)
    except (OSError, ObjectStoreError) as problem:
        context.log.warning("an unreadable answer could not be kept: %s", problem)
    else:
        context.log.warning("an unreadable answer is kept as %s: %s", file.path, capture.error)


@contextmanager
def source_failures(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
) -> Iterator[None]:
    """Let what the source or the object store refuses fail the step in one line, without a key, and
    retry only what is worth it."""
    try:
        with redacted():
            yield
    except (SourceError, ObjectStoreError, SecretError) as error:
        # Without the cause: its traceback says nothing more to a reader.
        raise dg.Failure(
            str(error),
            allow_retries=error.retryable and INTERACTIVE_TAG not in context.run.tags,
        ) from None
