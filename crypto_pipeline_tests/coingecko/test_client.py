import gzip
import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from crypto_pipeline.coingecko.capture import (
    LIVE_SOURCE,
    Capture,
    CaptureError,
    decode_capture,
    encode_capture,
)
from crypto_pipeline.coingecko.charts import ChartAnswer
from crypto_pipeline.coingecko.client import NOT_ASKED, CoinGeckoClient, KeyUsage
from crypto_pipeline.coingecko.errors import (
    AuthenticationError,
    BadRequest,
    Blocked,
    CoinGeckoError,
    MalformedResponse,
    NetworkError,
    PlanError,
    RateLimited,
    ServerError,
)
from crypto_pipeline.coingecko.transport import Transport
from crypto_pipeline.config.secret_references import Secret
from crypto_pipeline.config.settings import Plan, Settings
from crypto_pipeline.fetching.budget import RequestBudget
from crypto_pipeline.fetching.request_log import RequestLog

KEY = "0123456789-of-no-known-form"
MARKETS = "/api/v3/coins/markets"

MakeClient = Callable[..., CoinGeckoClient]


@pytest.fixture
def make_client(httpserver: HTTPServer, tmp_path: Path) -> Iterator[MakeClient]:
    with ExitStack() as stack:

        def make(plan: Plan = Plan.PUBLIC, **arguments: Any) -> CoinGeckoClient:
            defaults: dict[str, Any] = {
                "budget": RequestBudget(tmp_path / "budget.sqlite3", None),
                "base_url": httpserver.url_for("/api/v3"),
                "timeout": 5.0,
                "max_wait": 0.01,
            }
            return stack.enter_context(CoinGeckoClient(Transport(plan, **(defaults | arguments))))

        yield make


def _serve(
    httpserver: HTTPServer, *answers: Response | bytes, headers: dict[str, str] | None = None
) -> None:
    """Answer the requests for markets in turn."""
    for answer in answers:
        if isinstance(answer, bytes):
            answer = Response(answer, content_type="application/json", headers=headers)
        httpserver.expect_ordered_request(MARKETS).respond_with_response(answer)


def _cut_off() -> Response:
    """Fewer bytes than announced: the connection ends within the body."""
    response = Response(b"[1", headers={"connection": "close"})
    response.content_length = 9
    return response


def _coins(first: int, count: int) -> bytes:
    coins = (b'{"id":"coin-%d","price":%d.10}' % (n, n) for n in range(first, first + count))
    return b"[" + b",".join(coins) + b"]"


def _serve_coins(httpserver: HTTPServer, total: int) -> None:
    def page(request: Request) -> Response:
        per_page = int(request.args["per_page"])
        first = (int(request.args["page"]) - 1) * per_page
        return Response(_coins(first, max(0, min(per_page, total - first))))

    httpserver.expect_request(MARKETS).respond_with_handler(page)


def _ids(capture: Capture) -> list[str]:
    return [json.loads(bytes(record))["id"] for record in capture.records]


def _queries(httpserver: HTTPServer) -> list[dict[str, str]]:
    return [request.args.to_dict() for request, _ in httpserver.log]


def test_an_answer_without_meaning_is_handed_over_byte_for_byte_and_asked_for_again(
    httpserver: HTTPServer, make_client: MakeClient
) -> None:
    html, half = b"<html>\xff busy</html>", _coins(0, 2)[:-9]
    badly_zipped = Response(b"no gzip", headers={"content-encoding": "gzip"})
    _serve(httpserver, html, half, badly_zipped, _coins(0, 2))
    kept: list[Capture] = []
    capture = make_client().markets("eur", 2, on_unreadable=kept.append)
    assert _ids(capture) == ["coin-0", "coin-1"]
    assert [one.unreadable for one in kept] == [html, half, b"no gzip"]
    for one in kept:
        assert (one.records, one.source, one.vs_currency) == ([], LIVE_SOURCE, "eur")
        assert one.error is not None
        assert "unreadable" in one.error
        with pytest.raises(CaptureError, match="unreadable"):
            decode_capture(encode_capture(one))


def test_a_key_in_an_unreadable_answer_is_blanked_out(
    httpserver: HTTPServer, make_client: MakeClient
) -> None:
    _serve(httpserver, b"<p>" + KEY.encode())
    kept: list[Capture] = []
    client = make_client(Plan.DEMO, api_key=SecretStr(KEY), max_attempts=1)
    with pytest.raises(MalformedResponse):
        client.markets("usd", 2, on_unreadable=kept.append)
    assert [one.unreadable for one in kept] == [b"<p><key>"]


def test_a_record_that_is_no_json_leaves_the_others_their_bytes(
    httpserver: HTTPServer, make_client: MakeClient
) -> None:
    records = [b'{"id":"a"}', rb'{"id":"b","symbol":"\ud800"}', b'{"id":"c", "p":1.10}']
    _serve(httpserver, b"[" + b",\n".join(records) + b"]")
    capture = make_client().markets("usd", 3)
    assert [bytes(record) for record in capture.records] == records
    again = decode_capture(encode_capture(capture))
    assert [bytes(record) for record in again.records] == records


# --- pages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("total", "requests"), [(0, 1), (249, 1), (250, 2), (600, 3)])
def test_paging_stops_at_a_page_that_is_not_full(
    httpserver: HTTPServer, make_client: MakeClient, total: int, requests: int
) -> None:
    _serve_coins(httpserver, total)
    capture = make_client().markets("usd", None)
    assert _ids(capture) == [f"coin-{n}" for n in range(total)]
    queries = _queries(httpserver)
    pages = [query.pop("page") for query in queries]
    assert pages == [str(page) for page in range(1, requests + 1)]
    assert all(query == capture.request for query in queries)
    assert capture.request == {
        "vs_currency": "usd",
        "order": "market_cap_desc",
        "per_page": "250",
        "precision": "full",
        "sparkline": "false",
    }


def test_tokens_that_stand_for_others_are_asked_for_only_when_wanted(
    httpserver: HTTPServer, make_client: MakeClient
) -> None:
    _serve_coins(httpserver, 300)
    capture = make_client().markets("usd", None, include_rehypothecated=True)
    assert [query["include_rehypothecated"] for query in _queries(httpserver)] == ["true"] * 2
    assert capture.request["include_rehypothecated"] == "true"


@pytest.mark.parametrize(
    ("top_n", "per_page", "pages"),
    [(1, "1", [1]), (250, "250", [250]), (300, "250", [250, 250]), (500, "250", [250, 250])],
)
def test_no_more_than_top_n(
    httpserver: HTTPServer, make_client: MakeClient, top_n: int, per_page: str, pages: list[int]
) -> None:
    _serve_coins(httpserver, 9000)
    calls: list[tuple[int, int]] = []
    capture = make_client().markets("eur", top_n, on_page=lambda *call: calls.append(call))
    assert _ids(capture) == [f"coin-{n}" for n in range(top_n)]
    assert {query["per_page"] for query in _queries(httpserver)} == {per_page}
    assert [response.records for response in capture.responses] == pages
    assert [response.page for response in capture.responses] == list(range(1, len(pages) + 1))
    assert calls[-1] == (len(pages), top_n)


def test_ids_go_in_chunks(httpserver: HTTPServer, make_client: MakeClient) -> None:
    def echo(request: Request) -> Response:
        return Response(json.dumps([{"id": coin} for coin in request.args["ids"].split(",")]))

    httpserver.expect_request(MARKETS).respond_with_handler(echo)
    short = [f"c{n}" for n in range(300)]
    long = [f"[ünusual] coin & {n}" + "x" * 40 for n in range(100)]
    ids = ["1move token", "boringdao-[old]", *short, "c7", *long]
    capture = make_client().markets("usd", 5, ids)
    assert _ids(capture) == ["1move token", "boringdao-[old]", *short, *long]
    assert capture.request["ids"] == ",".join(ids)
    queries = _queries(httpserver)
    assert len(queries) >= 3
    assert {(query["per_page"], query["page"]) for query in queries} == {("250", "1")}
    assert len(queries[0]["ids"].split(",")) == 250
    assert max(len(request.url) for request, _ in httpserver.log) < 6000
    assert [response.page for response in capture.responses] == list(range(1, len(queries) + 1))


@pytest.mark.parametrize("plan", [Plan.PUBLIC, Plan.DEMO])
def test_records_keep_their_bytes(
    httpserver: HTTPServer, make_client: MakeClient, plan: Plan
) -> None:
    body = b'[{"p": 1.10}, {"p":2.1E+15},{"p":1e-12},{"p": 1.10}]'
    compressed = Response(gzip.compress(body), headers={"content-encoding": "gzip"})
    _serve(httpserver, compressed)
    # Not even a key that looks like data may change them.
    key = SecretStr("1") if plan is Plan.DEMO else None
    capture = make_client(plan, api_key=key).markets("usd", None)
    assert [bytes(record) for record in capture.records] == [
        b'{"p": 1.10}',
        b'{"p":2.1E+15}',
        b'{"p":1e-12}',
        b'{"p": 1.10}',
    ]


def test_what_is_kept_of_a_response(httpserver: HTTPServer, make_client: MakeClient) -> None:
    headers = {"Age": "27", "ETag": 'W/"1"', "CF-Cache-Status": "HIT", "Set-Cookie": "a=b"}
    before = datetime.now(timezone.utc)
    _serve(httpserver, _coins(0, 1), headers=headers)
    capture = make_client().markets("usd", None)
    (response,) = capture.responses
    assert response.headers.pop("date")
    assert response.headers == {"age": "27", "etag": 'W/"1"', "cf-cache-status": "HIT"}
    assert before <= capture.ingested_at <= response.received_at <= datetime.now(timezone.utc)
    assert capture.ingested_at.utcoffset() == timedelta(0)
    assert capture.source == LIVE_SOURCE


def test_the_server_labels_its_data(httpserver: HTTPServer, make_client: MakeClient) -> None:
    _serve(httpserver, _coins(0, 1), headers={"X-Data-Source": "CoinGecko recorded"})
    capture = make_client().markets("usd", None)
    assert capture.source == "CoinGecko recorded"
    assert capture.responses[0].headers["x-data-source"] == "CoinGecko recorded"


# --- plans and keys --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "header"),
    [(Plan.PUBLIC, None), (Plan.DEMO, "x-cg-demo-api-key"), (Plan.PRO, "x-cg-pro-api-key")],
)
def test_the_key_goes_in_the_plans_header_only(
    httpserver: HTTPServer,
    make_client: MakeClient,
    caplog: pytest.LogCaptureFixture,
    plan: Plan,
    header: str | None,
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = f"bad key {KEY if header else 'or none'}"
    refusal = json.dumps({"status": {"error_code": 429, "error_message": echo}})
    _serve(httpserver, Response(refusal, 200), Response(refusal.replace("429", "401"), 401))
    client = make_client(plan, api_key=None if header is None else SecretStr(KEY + "\n"))
    with pytest.raises(AuthenticationError, match="bad key") as caught:
        client.markets("usd", None)
    request = httpserver.log[0][0]
    keys = {name.lower(): value for name, value in request.headers if "api-key" in name.lower()}
    assert keys == ({} if header is None else {header: KEY})
    assert request.headers["user-agent"].startswith("crypto-pipeline/0")
    for text in (request.url, repr(client), str(caught.value), repr(caught.value), caplog.text):
        assert KEY not in text


@pytest.mark.parametrize(
    ("plan", "host"),
    [
        (Plan.PUBLIC, "'api.coingecko.com'"),
        (Plan.DEMO, "'api.coingecko.com'"),
        (Plan.PRO, "'pro-api.coingecko.com'"),
    ],
)
def test_the_plan_decides_the_host(make_client: MakeClient, plan: Plan, host: str) -> None:
    assert host in repr(make_client(plan, api_key=SecretStr(KEY), base_url=None))


@pytest.mark.parametrize(
    ("plan", "arguments"),
    [
        (Plan.SANDBOX, {"base_url": None}),
        (Plan.PUBLIC, {"base_url": "localhost:8000"}),
        (Plan.DEMO, {}),
        (Plan.PRO, {"api_key": SecretStr("CG-line\nbreak")}),
        (Plan.PRO, {"api_key": SecretStr("CG-ümlaut")}),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    make_client: MakeClient, plan: Plan, arguments: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=f"plan {plan.value}: COINGECKO_") as caught:
        make_client(plan, **arguments)
    assert "CG-" not in str(caught.value)


def test_from_settings(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # away from a developer's .env
    _serve(httpserver, _coins(0, 1))
    settings = Settings(
        data_dir=tmp_path / "data",
        coingecko_plan=Plan.DEMO,
        coingecko_api_key=Secret(KEY),
        coingecko_base_url=httpserver.url_for("/api/v3/"),
    )
    with CoinGeckoClient.from_settings(settings) as client:
        assert _ids(client.markets("usd", 250)) == ["coin-0"]
    assert (tmp_path / "data" / "request-budget-demo.sqlite3").is_file()


# --- the clock -------------------------------------------------------------------------------


def test_the_live_clock(make_client: MakeClient) -> None:
    now = make_client().now()
    assert now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(timezone.utc)) < timedelta(seconds=5)


def test_the_sandbox_clock(httpserver: HTTPServer, make_client: MakeClient) -> None:
    httpserver.expect_ordered_request("/api/v3/ping").respond_with_json(
        {}, headers={"x-sandbox-time": "2023-01-01T00:00:00.500000+00:00"}
    )
    for second, count in ((1, 250), (2, 7)):
        time_ = {"x-sandbox-time": f"2023-01-01T00:00:0{second}.25Z"}
        _serve(httpserver, _coins(0, count), headers=time_ | {"x-data-source": "CoinGecko sandbox"})
    client = make_client(Plan.SANDBOX)
    start = datetime(2023, 1, 1, tzinfo=timezone.utc)
    assert client.now() == start + timedelta(seconds=0.5)
    capture = client.markets("usd", None)
    assert capture.source == "CoinGecko sandbox"
    assert capture.ingested_at == start + timedelta(seconds=1.25)
    assert [response.received_at for response in capture.responses] == [
        start + timedelta(seconds=1.25),
        start + timedelta(seconds=2.25),
    ]


@pytest.mark.parametrize("headers", [{}, {"x-sandbox-time": "noon"}])
def test_a_server_without_a_clock_is_no_sandbox(
    httpserver: HTTPServer, make_client: MakeClient, headers: dict[str, str]
) -> None:
    httpserver.expect_request("/api/v3/ping").respond_with_json({}, headers=headers)
    with pytest.raises(MalformedResponse, match="not a sandbox server"):
        make_client(Plan.SANDBOX).now()


# --- errors and retries ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Response(b'{"status":{"error_code":429,"error_message":"slow"}}', 200), RateLimited),
        (Response(b"", 429), RateLimited),
        (Response(b"<html>", 503), ServerError),
        (Response(b'[{"id":"coin-0"},{"id":', 200), MalformedResponse),
        (Response(b'{"data":[]}', 200), MalformedResponse),
        (Response(b"<html>", 200), MalformedResponse),
        (Response(b"[" * 100_000, 200), MalformedResponse),
        (Response(b"not gzip", headers={"content-encoding": "gzip"}), MalformedResponse),
        (_cut_off(), NetworkError),
    ],
)
def test_what_is_retried(
    httpserver: HTTPServer,
    make_client: MakeClient,
    caplog: pytest.LogCaptureFixture,
    failure: Response,
    kind: type[CoinGeckoError],
) -> None:
    _serve(httpserver, failure, _coins(0, 3))
    with caplog.at_level(logging.WARNING, logger="crypto_pipeline"):
        assert len(make_client().markets("usd", None).records) == 3
    (record,) = caplog.records
    assert "attempt 1 failed" in record.message
    assert kind.headline in record.message


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Response(b'{"error":"invalid vs_currency"}', 422), BadRequest),
        (Response(b"", 302, headers={"location": "/"}), BadRequest),
        (Response(b"error code: 1020", 403), Blocked),
        (Response(b'{"status":{"error_code":403,"error_message":"gone"}}', 200), Blocked),
        (Response(b'{"error_code":10010}', 400), AuthenticationError),
        (Response(b'{"status":{"error_code":10005}}', 401), PlanError),
        (Response(b"", 429, headers={"retry-after": "121"}), RateLimited),
    ],
)
def test_what_is_not_retried(
    httpserver: HTTPServer, make_client: MakeClient, failure: Response, kind: type[CoinGeckoError]
) -> None:
    _serve(httpserver, failure)
    with pytest.raises(kind):
        make_client().markets("usd", None)
    assert len(httpserver.log) == 1


def test_attempts_are_limited(httpserver: HTTPServer, make_client: MakeClient) -> None:
    _serve(httpserver, *[Response(b"", 500)] * 3)
    with pytest.raises(ServerError, match="HTTP 500"):
        make_client(max_attempts=3).markets("usd", None)
    assert len(httpserver.log) == 3


def test_retry_after_is_honoured(httpserver: HTTPServer, make_client: MakeClient) -> None:
    _serve(httpserver, Response(b"", 429, headers={"retry-after": "1"}), _coins(0, 1))
    start = time.monotonic()
    make_client().markets("usd", None)
    assert 1 <= time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("600", 600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("nan", None),
    ],
)
def test_forms_of_retry_after(
    httpserver: HTTPServer, make_client: MakeClient, value: str, seconds: float | None
) -> None:
    _serve(httpserver, Response(b"", 429, headers={"retry-after": value}))
    with pytest.raises(RateLimited) as caught:
        make_client(max_attempts=1).markets("usd", None)
    assert caught.value.retry_after == seconds


def test_connection_refused(make_client: MakeClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(NetworkError) as caught:
            make_client(base_url=url, max_attempts=2).markets("usd", None)
    line = str(caught.value)
    assert line.startswith("cannot reach CoinGecko at 127.0.0.1: ")
    assert "refused" in line
    assert line.endswith("; check the network")
    assert "\n" not in line


def test_a_timeout_is_a_network_error(httpserver: HTTPServer, make_client: MakeClient) -> None:
    def slow(request: Request) -> Response:
        time.sleep(0.5)
        return Response(b"[]")

    httpserver.expect_request(MARKETS).respond_with_handler(slow)
    with pytest.raises(NetworkError, match="cannot reach CoinGecko at localhost: .*time"):
        make_client(timeout=0.1, max_attempts=1).markets("usd", None)


def test_pages_got_are_kept_when_a_later_one_fails(
    httpserver: HTTPServer, make_client: MakeClient
) -> None:
    _serve(httpserver, _coins(0, 250), Response(b"", 500), Response(b"", 503))
    capture = make_client(max_attempts=2).markets("usd", None)
    assert len(capture.records) == 250
    assert [response.page for response in capture.responses] == [1]
    assert capture.error is not None
    assert "HTTP 503" in capture.error


def _serve_with_a_rank_that_moves(httpserver: HTTPServer, total: int, border: int) -> None:
    """The coin before a border falls behind it between two pages, and stays there."""

    def page(request: Request) -> Response:
        per_page = int(request.args["per_page"])
        order = list(range(total))
        if int(request.args["page"]) > 1:
            order[border - 1 : border + 1] = [border, border - 1]
        first = (int(request.args["page"]) - 1) * per_page
        return Response(b"[%b]" % b",".join(_coins(n, 1)[1:-1] for n in order[first:][:per_page]))

    httpserver.expect_request(MARKETS).respond_with_handler(page)


@pytest.mark.parametrize("top_n", [300, None])
def test_a_coin_that_moving_ranks_hid_between_two_pages_is_asked_for_again(
    httpserver: HTTPServer, make_client: MakeClient, top_n: int | None
) -> None:
    _serve_with_a_rank_that_moves(httpserver, 400, 250)
    capture = make_client().markets("usd", top_n)
    ids = _ids(capture)
    # Both are kept, in bronze nothing is removed; the one that was missed is the last.
    assert sorted(set(ids)) == sorted(f"coin-{n}" for n in range(top_n or 400))
    assert (ids.count("coin-249"), ids[-1]) == (2, "coin-250")
    assert [query["per_page"] for query in _queries(httpserver)] == ["250", "250", "240"]
    assert [response.records for response in capture.responses] == [250, 150, 160]


def test_a_coin_that_cannot_be_asked_for_again_costs_no_other(
    httpserver: HTTPServer, make_client: MakeClient
) -> None:
    _serve(httpserver, _coins(0, 250), _coins(249, 100), Response(b"", 500))
    capture = make_client().markets("usd", None)
    assert len(capture.records) == 350
    assert capture.error is None


def test_every_attempt_takes_a_slot(
    httpserver: HTTPServer, make_client: MakeClient, tmp_path: Path
) -> None:
    class Counter(RequestBudget):
        slots = 0

        def acquire(self, request_id: str = "") -> None:
            self.slots += 1

    counter = Counter(tmp_path / "unused", None)
    _serve(httpserver, Response(b"", 500), _coins(0, 250), _coins(250, 1))
    make_client(budget=counter).markets("usd", None)
    assert counter.slots == 3


def test_the_url_holds_what_was_asked(httpserver: HTTPServer, make_client: MakeClient) -> None:
    _serve(httpserver, b"[]")
    make_client().markets("usd", 1, ["ape_in_records", "a&b"])
    url = urlsplit(httpserver.log[0][0].url)
    assert parse_qs(url.query)["ids"] == ["ape_in_records,a&b"]


# --- Charts and the key -------------------------------------------------------------------------

_FROM = datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_a_chart_keeps_the_bytes_of_its_answer(
    httpserver: HTTPServer, make_client: MakeClient
) -> None:
    body = b'{"prices":[[1,0.10]], "market_caps":[],"total_volumes":[]}'
    httpserver.expect_request(
        "/api/v3/coins/bitcoin cash/market_chart/range",
        query_string={
            "vs_currency": "eur",
            "from": "1767225600",
            "to": "1767229200",
            "precision": "full",
        },
    ).respond_with_data(body, headers={"etag": 'W/"x"', "set-cookie": "no"})
    chart = make_client().chart_range("bitcoin cash", "eur", _FROM, _FROM + timedelta(hours=1))
    assert bytes(chart.body) == body
    assert (chart.coin, chart.request["vs_currency"]) == ("bitcoin cash", "eur")
    assert chart.headers["etag"] == 'W/"x"'
    assert "set-cookie" not in chart.headers


def test_a_chart_with_a_value_that_is_no_json_is_kept_as_it_came(
    httpserver: HTTPServer, make_client: MakeClient
) -> None:
    body = b'{"prices":[[1,NaN]],"market_caps":[],"total_volumes":[]}'
    httpserver.expect_request("/api/v3/coins/x/market_chart/range").respond_with_data(body)
    assert make_client().chart_range("x", "usd", _FROM, _FROM).unreadable == body


def test_a_chart_that_is_no_json_at_all_is_handed_over_and_asked_for_again(
    httpserver: HTTPServer, make_client: MakeClient
) -> None:
    path = "/api/v3/coins/x/market_chart/range"
    httpserver.expect_ordered_request(path).respond_with_data(b"<html>")
    httpserver.expect_ordered_request(path).respond_with_data(b'{"prices":[]}')
    kept: list[ChartAnswer] = []
    chart = make_client().chart_range("x", "usd", _FROM, _FROM, on_unreadable=kept.append)
    assert bytes(chart.body) == b'{"prices":[]}'
    assert [one.unreadable for one in kept] == [b"<html>"]


def _serve_tagged(httpserver: HTTPServer, path: str, body: bytes, etag: str) -> None:
    def answer(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status=304, headers={"etag": etag, "age": "7"})
        return Response(body, headers={"etag": etag})

    httpserver.expect_request(path).respond_with_handler(answer)


def test_an_answer_that_we_have_is_not_sent_again(
    httpserver: HTTPServer, make_client: MakeClient, tmp_path: Path
) -> None:
    body = b'{"prices":[],"market_caps":[],"total_volumes":[]}'
    _serve_tagged(httpserver, "/api/v3/coins/x/market_chart/range", body, 'W/"1"')
    log = RequestLog(tmp_path / "log")
    client = make_client(log=log)
    first = client.chart_range("x", "usd", _FROM, _FROM)
    again = client.chart_range("x", "usd", _FROM, _FROM, known=first)
    assert bytes(again.body) == body
    assert again.ingested_at > first.ingested_at
    assert (again.headers["age"], again.headers["etag"]) == ("7", 'W/"1"')
    # Another range is another answer, whatever its ETag.
    client.chart_range("x", "usd", _FROM, _FROM + timedelta(hours=1), known=first)
    with log.take() as entries:
        assert [(e.http_status, e.credits, e.received_bytes) for e in entries] == [
            (200, 1, len(body)),
            (304, 0, 0),
            (200, 1, len(body)),
        ]


def test_an_answer_that_is_another_now_is_sent(
    httpserver: HTTPServer, make_client: MakeClient
) -> None:
    path = "/api/v3/coins/x/ohlc"
    _serve_tagged(httpserver, path, b"[[1,1,1,1,1]]", '"1"')
    client = make_client()
    first = client.ohlc("x", "usd", "14")
    httpserver.clear()
    _serve_tagged(httpserver, path, b"[[2,1,1,1,1]]", '"2"')
    assert bytes(client.ohlc("x", "usd", "14", known=first).body) == b"[[2,1,1,1,1]]"
    assert httpserver.log[-1][0].headers["if-none-match"] == '"1"'


def test_nothing_that_was_not_asked_for_so_is_unchanged(
    httpserver: HTTPServer, make_client: MakeClient
) -> None:
    httpserver.expect_request("/api/v3/coins/x/ohlc").respond_with_data(b"", status=304)
    with pytest.raises(CoinGeckoError, match="304"):
        make_client().ohlc("x", "usd", "14")


def test_a_range_beyond_the_plan_is_an_error_of_its_own(
    httpserver: HTTPServer, make_client: MakeClient
) -> None:
    httpserver.expect_request("/api/v3/coins/x/market_chart/range").respond_with_data(
        b'{"error":{"status":{"error_code":10012,"error_message":"past 365 days"}}}', status=401
    )
    with pytest.raises(PlanError) as error:
        make_client().chart_range("x", "usd", _FROM, _FROM)
    assert error.value.code == 10012


def test_a_pro_key_is_asked_for_its_limits(httpserver: HTTPServer, make_client: MakeClient) -> None:
    httpserver.expect_request("/api/v3/key").respond_with_json(
        {
            "plan": "Analyst",
            "rate_limit_request_per_minute": 500,
            "monthly_call_credit": 500000,
            "current_total_monthly_calls": 32,
            "current_remaining_monthly_calls": 499968,
            "api_key_rate_limit_request_per_minute": 250,
            "api_key_monthly_call_credit": 100000,
            "api_key_current_total_monthly_calls": 30,
        }
    )
    pro = make_client(Plan.PRO, api_key=SecretStr("CG-0123456789"))
    assert pro.key_usage() == KeyUsage(500, 500000, 32, 250, 100000, 30)
    assert make_client().key_usage() == NOT_ASKED


def test_every_attempt_is_written_down(
    httpserver: HTTPServer, make_client: MakeClient, tmp_path: Path
) -> None:
    _serve(
        httpserver,
        Response(b"", 500),
        Response(_coins(0, 1), headers={"cf-cache-status": "HIT"}),
    )
    log = RequestLog(tmp_path / "log")
    make_client(log=log, run_id="a run").markets("usd", 250)
    with log.take() as entries:
        assert [
            (e.endpoint, e.http_status, e.credits, e.is_cached, e.run_id, e.plan) for e in entries
        ] == [
            ("/coins/markets", 500, 0, None, "a run", "public"),
            ("/coins/markets", 200, 1, True, "a run", "public"),
        ]
        assert entries[1].received_bytes == len(_coins(0, 1))
