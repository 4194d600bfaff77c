"""The web application: pages, data as JSON and CSV, SQL, and the files that a browser needs."""

import csv
import io
from collections.abc import Awaitable, Callable
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from crypto_pipeline.config.redaction import redact
from crypto_pipeline.dashboard.pages import PAGES, Page
from crypto_pipeline.dashboard.parameters import MOST_COINS, ParameterError, checked
from crypto_pipeline.dashboard.queries import Answer, UnknownQueryError, find_query
from crypto_pipeline.dashboard.reader import Reader

_FOLDER = Path(__file__).parent
_ASSETS_VERSION = version("crypto-pipeline")
_ENCODE = msgspec.json.Encoder(decimal_format="number").encode

# Nothing from, and nothing to, any other host: the browser sees to it. plotly.js makes styles of
# its own.
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'"
    " 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Budget(msgspec.Struct, frozen=True):
    """What the plan allows.

    Attributes:
        plan: Its name.
        credits_per_month: None is no limit that is known.
    """

    plan: str
    credits_per_month: int | None


def create_app(reader: Reader, budget: Budget, host: str) -> Starlette:
    """The dashboard of one database.

    Args:
        reader: Reads it.
        budget: Of the plan in use.
        host: The address that it is served at; a request for any other but loopback is refused, so
            that no page of another site can read from it.
    """
    templates = Environment(loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True)

    def page(request: Request) -> Response:
        shown = next((one for one in PAGES if one.name == request.path_params["page"]), None)
        if shown is None:
            return PlainTextResponse("There is no such page.", 404)
        return Response(
            templates.get_template("page.html").render(**_context(reader, shown), budget=budget),
            media_type="text/html",
        )

    def data(request: Request) -> Response:
        query = find_query(request.path_params["query"])
        values = query.values({"plan": budget.plan, **request.query_params})
        with reader.transaction() as connection:
            answer = query.run(connection, values)
        if request.path_params["form"] == "csv":
            return _as_csv(query.name, answer)
        body = {
            "columns": answer.columns,
            "rows": answer.rows,
            "seconds": round(answer.seconds, 4),
            "sql": query.script(values),
        }
        return Response(_ENCODE(body), media_type="application/json")

    return Starlette(
        routes=[
            Route("/", lambda _: RedirectResponse(f"/{PAGES[0].name}")),
            Route("/data/{query}.{form:str}", data),
            Route("/assets/plotly.js", _plotly),
            Mount("/assets", StaticFiles(directory=_FOLDER / "static")),
            Route("/favicon.ico", lambda _: RedirectResponse("/assets/icon.svg")),
            Route("/{page}", page),
        ],
        middleware=[
            Middleware(
                TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]", host]
            ),
            Middleware(BaseHTTPMiddleware, dispatch=_with_headers),
        ],
        exception_handlers={
            ParameterError: _refusal(400),
            UnknownQueryError: _refusal(404),
            psycopg.errors.QueryCanceled: _refusal(503, "The query took too long and was stopped."),
            psycopg.Error: _refusal(503),
        },
    )


def _context(reader: Reader, shown: Page) -> dict[str, Any]:
    with reader.transaction() as connection:
        kinds = find_query("kinds").run(connection, {}).rows
        currencies = find_query("currencies_held").run(connection, {}).rows
        main = str(currencies[0][0]) if currencies else checked("currency", {})
        coins = find_query("coins").run(connection, {"currency": main}).rows
    return {
        "page": shown,
        "pages": PAGES,
        "database": reader.database,
        "kinds": sorted({kind for _, kind, _, _ in kinds}),
        "sources": [name for name, *_ in kinds],
        "currencies": currencies,
        "main_currency": main,
        "coins": coins,
        "most_coins": MOST_COINS,
        "version": _ASSETS_VERSION,
        "plotly_version": version("plotly"),
    }


def _as_csv(name: str, answer: Answer) -> Response:
    """Numbers with all their digits, times as ISO 8601."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows([_plain(value) for value in row] for row in answer.rows)
    return Response(
        text.getvalue(),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="{name}.csv"'},
    )


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, list):
        return " ".join(map(_plain, value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _plotly(_: Request) -> Response:
    """The library that draws, from its own wheel."""
    import plotly  # noqa: PLC0415

    file = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    # Megabytes, of which a browser need not ask twice; the address has the version.
    return FileResponse(
        file,
        media_type="text/javascript",
        headers={"cache-control": "max-age=31536000, immutable"},
    )


async def _with_headers(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    response = await call_next(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _refusal(status: int, words: str | None = None) -> Callable[[Request, Exception], Response]:
    def refuse(_: Request, error: Exception) -> Response:
        said = words or " ".join(redact(str(error)).split()) or "There is no such thing."
        return Response(_ENCODE({"error": said}), status, media_type="application/json")

    return refuse
