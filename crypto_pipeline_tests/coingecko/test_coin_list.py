"""The list of coins: what is read of a body, and how it is asked for."""

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Response

from crypto_pipeline.coingecko.client import CoinGeckoClient
from crypto_pipeline.coingecko.coin_list import (
    LONGEST_ADDRESS,
    LONGEST_TEXT,
    CoinListAnswer,
    CoinListError,
    read_coin_list,
)
from crypto_pipeline.coingecko.errors import CoinGeckoError, MalformedResponse, RateLimited
from crypto_pipeline.coingecko.transport import Transport
from crypto_pipeline.config.settings import Plan
from crypto_pipeline.fetching.budget import RequestBudget

PATH = "/api/v3/coins/list"
KEY = "CG-0123456789"

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.just("x" * 201)
_ANYTHING = st.none() | st.integers() | st.booleans() | _TEXTS | st.lists(st.integers())
_COINS = st.fixed_dictionaries(
    {},
    optional={
        "id": _TEXTS | st.none() | st.integers(),
        "symbol": _TEXTS | st.none(),
        "name": _TEXTS | st.none() | st.integers(),
        "platforms": st.none() | st.dictionaries(_TEXTS, _TEXTS | st.none(), max_size=3),
        "more": _ANYTHING,
    },
)


def is_coin(element: object) -> bool:
    """By the words of the reader's documentation."""
    if not isinstance(element, dict):
        return False
    texts = [element.get("id"), element.get("symbol") or "", element.get("name") or ""]
    # NUL is no character of a text here; in a key or value that nobody reads, it does no harm to
    # reject the element.
    return (
        all(isinstance(text, str) and len(text) <= LONGEST_TEXT for text in texts)
        and element.get("symbol", "") is not False
        and bool(element.get("id"))
        and "\\u0000" not in json.dumps(element)
    )


@given(st.lists(_COINS | _ANYTHING, max_size=8))
def test_every_coin_of_a_list_is_read_and_nothing_else(elements: list[object]) -> None:
    found = read_coin_list(json.dumps(elements).encode())
    expected: dict[str, dict[str, object]] = {}
    for element in elements:
        if is_coin(element):
            assert isinstance(element, dict)
            expected.setdefault(element["id"], element)
    assert found.fetched == len(elements)
    assert list(found.coins) == [
        (key, one.get("symbol") or "", one.get("name") or "") for key, one in expected.items()
    ]
    assert found.rejected == sum(not is_coin(element) for element in elements)
    contracts = [
        (key, platform, address)
        for key, one in expected.items()
        for platform, address in (one.get("platforms") or {}).items()  # type: ignore[attr-defined]
        if platform
        and address
        and len(platform) <= LONGEST_TEXT
        and len(address) <= LONGEST_ADDRESS
    ]
    assert list(found.contracts) == contracts


@given(st.binary(max_size=60))
def test_what_is_no_list_is_refused_in_one_line(body: bytes) -> None:
    try:
        read_coin_list(body)
    except CoinListError as error:
        assert "\n" not in str(error)


def test_one_element_that_is_no_json_spoils_itself_only() -> None:
    found = read_coin_list(b'\xef\xbb\xbf[{"id":"a","name":"\\ud800"},{"id":"b"},{"id":"c" x}]')
    assert found.coins == [("b", "", "")]
    assert [flaw.index for flaw in found.flaws] == [0, 2]


# --- The request ---------------------------------------------------------------------------------


@pytest.fixture
def client(httpserver: HTTPServer, tmp_path: Path) -> Iterator[CoinGeckoClient]:
    transport = Transport(
        Plan.PRO,
        api_key=SecretStr(KEY),
        budget=RequestBudget(tmp_path / "budget.sqlite3", None),
        base_url=httpserver.url_for("/api/v3"),
        max_wait=0.01,
        max_attempts=3,
    )
    with CoinGeckoClient(transport) as opened:
        yield opened


def test_the_list_is_asked_for_with_its_contracts(
    httpserver: HTTPServer, client: CoinGeckoClient
) -> None:
    body = b'[ {"id":"a","symbol":"a","name":"A"} ]'
    httpserver.expect_request(PATH).respond_with_response(
        Response(body, headers={"etag": 'W/"7"', "set-cookie": "no"})
    )
    before = datetime.now(timezone.utc)
    active, inactive = client.coin_list(), client.coin_list(is_active=False)
    assert [request.args.to_dict() for request, _ in httpserver.log] == [
        {"include_platform": "true"},
        {"include_platform": "true", "status": "inactive"},
    ]
    assert (active.is_active, inactive.is_active) == (True, False)
    assert (active.body, active.source) == (body, "CoinGecko")
    assert active.headers["etag"] == 'W/"7"'
    assert "set-cookie" not in active.headers
    assert before <= active.ingested_at <= inactive.ingested_at <= datetime.now(timezone.utc)


def test_an_answer_that_is_no_list_is_handed_over_and_asked_for_again(
    httpserver: HTTPServer, client: CoinGeckoClient
) -> None:
    broken = [b"<html>", b'[{"id":', KEY.encode()]
    for body in broken[:2]:
        httpserver.expect_ordered_request(PATH).respond_with_data(body)
    httpserver.expect_ordered_request(PATH).respond_with_data(b"[]")
    kept: list[CoinListAnswer] = []
    assert client.coin_list(on_unreadable=kept.append).body == b"[]"
    assert [answer.body for answer in kept] == broken[:2]
    for body in (Response(b"no gzip", headers={"content-encoding": "gzip"}), broken[2], broken[2]):
        httpserver.expect_ordered_request(PATH).respond_with_response(
            body if isinstance(body, Response) else Response(body)
        )
    with pytest.raises(MalformedResponse):
        client.coin_list(on_unreadable=kept.append)
    assert [answer.body for answer in kept[2:]] == [b"no gzip", b"<key>", b"<key>"]


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ('{"status":{"error_code":429,"error_message":"wait"}}', 200, RateLimited),
        ('{"error":"no"}', 404, CoinGeckoError),
    ],
)
def test_an_error_body_is_an_error_whatever_it_came_with(
    body: str,
    status: int,
    error: type[CoinGeckoError],
    httpserver: HTTPServer,
    client: CoinGeckoClient,
) -> None:
    httpserver.expect_request(PATH).respond_with_data(body, status)
    with pytest.raises(error):
        client.coin_list()
