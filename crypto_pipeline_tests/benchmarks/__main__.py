"""``python -m crypto_pipeline_tests.benchmarks [hourly|lake|replay]``; without any, hourly and
replay."""

from pathlib import Path

import click

from crypto_pipeline_tests.benchmarks import hourly, replay


@click.command()
@click.argument("benchmark", type=click.Choice(["hourly", "lake", "replay"]), required=False)
@click.option("--files", default=1460, show_default=True, help="Landing files to load, four a day.")
@click.option("--runs", default=3, show_default=True, help="Runs of each loader.")
@click.option(
    "--zone",
    type=click.Path(path_type=Path),
    help="Keep the generated landing files in this folder, and use those that are there.",
)
@click.option(
    "--facts",
    type=int,
    multiple=True,
    default=(1_000_000, 100_000_000),
    show_default=True,
    help="Size of a table for lake; repeatable. 100 million are 13 GB and an hour to make.",
)
@click.option("--profile", is_flag=True, help="Show where the time of a bulk load goes.")
def main(
    benchmark: str | None,
    files: int,
    runs: int,
    zone: Path | None,
    facts: tuple[int, ...],
    profile: bool,
) -> None:
    """Measure the pipeline on this machine."""
    if zone is not None:
        zone = zone.absolute()
    if benchmark in (None, "replay"):
        replay.run(files, runs, zone, profile)
    if benchmark in (None, "hourly"):
        hourly.main()
    if benchmark == "lake":
        # Here and not above: the others work without the packages of the extra "lake".
        from crypto_pipeline_tests.benchmarks import lake

        lake.run(facts)


if __name__ == "__main__":
    main()
