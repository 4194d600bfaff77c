"""``python -m crypto_pipeline_tests.benchmarks [NAME]``; without a name, hourly and replay: the
others need much disk, or look at something else than time."""

from pathlib import Path

import click

from crypto_pipeline_tests.benchmarks import (
    backup,
    candles,
    command,
    dashboard,
    flat,
    history,
    hourly,
    log,
    log_year,
    replay,
)


@click.command()
@click.argument(
    "benchmark",
    type=click.Choice(
        [
            *(
                "backup",
                "candles",
                "command",
                "dashboard",
                "flat",
                "history",
                "hourly",
                "lake",
                "log",
            ),
            *("log-year", "replay"),
        ]
    ),
    required=False,
)
@click.option("--files", default=1460, show_default=True, help="Landing files to load, four a day.")
@click.option("--runs", default=3, show_default=True, help="Runs of each loader; rounds of flat.")
@click.option(
    "--zone",
    type=click.Path(path_type=Path),
    help="Keep the generated files or databases in this folder, and use those that are there.",
)
@click.option("--coins", default=100, show_default=True, help="Coins of history, a year each.")
@click.option("--profile", is_flag=True, help="Show where the time of a bulk load goes.")
@click.option(
    "--facts",
    type=int,
    multiple=True,
    default=flat.SIZES,
    show_default=True,
    help="Sizes that flat, candles and lake measure; repeatable. 100 million are 45, 25, 13 GB.",
)
def main(
    benchmark: str | None,
    files: int,
    runs: int,
    zone: Path | None,
    coins: int,
    profile: bool,
    facts: tuple[int, ...],
) -> None:
    """Measure the pipeline on this machine."""
    if zone is not None:
        zone = zone.absolute()
    if benchmark in (None, "replay"):
        replay.run(files, runs, zone, profile)
    if benchmark in (None, "hourly"):
        hourly.main()
    if benchmark == "backup":
        backup.run(files, zone)
    if benchmark == "command":
        command.run(files, runs, zone)
    if benchmark == "dashboard":
        dashboard.run(zone)
    if benchmark == "history":
        history.run(coins, runs)
    if benchmark == "log":
        log.run()
    if benchmark == "log-year":
        log_year.run()
    if benchmark == "candles":
        candles.run(facts, runs, zone)
    if benchmark == "flat":
        flat.run(facts, runs, zone)
    if benchmark == "lake":
        # Here and not above: the others work without the packages of the extra "lake".
        from crypto_pipeline_tests.benchmarks import lake

        lake.run(facts)


if __name__ == "__main__":
    main()
