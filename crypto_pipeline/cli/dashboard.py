"""The dashboard, served until a person ends it."""

import signal
import sys
from importlib.util import find_spec
from typing import NoReturn

from rich.console import Console

from crypto_pipeline.cli.errors import complaints
from crypto_pipeline.cli.ports import listening

_MISSING = (
    "The dashboard needs plotly and jinja2: run `make dashboard`, or"
    " pip install 'crypto-pipeline[dashboard]'."
)


def serve_dashboard(console: Console, host: str, port: int, *, sandbox: bool) -> NoReturn:
    """Serve the dashboard until Ctrl-C.

    Args:
        console: Where to say what happens.
        host: To listen at.
        port: Likewise.
        sandbox: Whether to show the sandbox's data also where there is live data.

    Raises:
        OSError: the port cannot be used.
        ReaderError: the database cannot be read as ``analytics_role``.
    """
    if not all(map(find_spec, ("jinja2", "plotly"))):
        complaints.print(f"[red]{_MISSING}[/]", soft_wrap=True)
        sys.exit(1)
    import uvicorn

    from crypto_pipeline.coingecko.limits import DEFAULT_PER_MONTH
    from crypto_pipeline.config.settings import SANDBOX_DATABASE, Plan, Settings
    from crypto_pipeline.dashboard.app import Budget, create_app
    from crypto_pipeline.dashboard.reader import open_reader

    # Both end it in order, and with it the embedded server.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with listening(host, port) as listener:
        try:
            reader = open_reader(sandbox=sandbox)
            settings = Settings()
            plan = Plan.SANDBOX if reader.database == SANDBOX_DATABASE else settings.coingecko_plan
            budget = Budget(
                plan.value, settings.coingecko_requests_per_month or DEFAULT_PER_MONTH[plan]
            )
            server = uvicorn.Server(
                uvicorn.Config(
                    create_app(reader, budget, host),
                    log_level="warning",
                    ws="none",
                    lifespan="off",
                    server_header=False,
                    timeout_graceful_shutdown=1,
                )
            )
            shown = f"[{host}]" if ":" in host else host
            console.print(
                f"Dashboard of database {reader.database} at"
                f" http://{shown}:{listener.getsockname()[1]} (Ctrl-C stops it)",
                soft_wrap=True,
            )
            server.run([listener])
        except KeyboardInterrupt:
            console.print("Dashboard stopped.")
    sys.exit(0)
