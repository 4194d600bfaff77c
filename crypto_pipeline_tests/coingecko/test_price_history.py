"""Charts and exports: what is read of them, to the digit, and what is said of what cannot be."""

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_pipeline.coingecko.charts import ChartAnswer, encode_answer
from crypto_pipeline.coingecko.exports import name_of_export
from crypto_pipeline.coingecko.points import Granularity, HistoryError, PriceHistory
from crypto_pipeline.coingecko.price_history import is_history, read_history

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR_MS = 3_600_000
START_MS = int(START.timestamp()) * 1000


def chart(
    points: list[tuple[int, str]],
    end: datetime = START + timedelta(days=90),
    asked_at: datetime = START + timedelta(days=100),
    body: bytes | None = None,
) -> bytes:
    """Our file of an answer whose prices have these texts at these milliseconds."""
    series = ",".join(f"[{time},{text}]" for time, text in points)
    made = f'{{"prices":[{series}],"market_caps":[{series}],"total_volumes":[{series}]}}'.encode()
    return encode_answer(
        ChartAnswer(
            ingested_at=asked_at,
            source="CoinGecko",
            coin="bitcoin",
            request={
                "vs_currency": "usd",
                "from": str(int(START.timestamp())),
                "to": str(int(end.timestamp())),
            },
            body=msgspec.Raw(made if body is None else body),
        )
    )


def lines(history: PriceHistory) -> list[list[str]]:
    """The points as COPY gets them, without the file's number."""
    text = b"".join(history.points.lines(7)).decode()
    return [line.split(",", 1)[1].rsplit(",") for line in text.splitlines()]


# --- Charts --------------------------------------------------------------------------------------


def test_a_number_keeps_its_text() -> None:
    texts = ["0.000000000000261154000008461", "9.7e-10", "91234.10", "1E+3", "12", "null"]
    history = read_history(chart([(START_MS + n * HOUR_MS, text) for n, text in enumerate(texts)]))
    assert [line[2] for line in lines(history)] == texts
    assert history.origin == "chart"
    assert (history.source, history.ingested_at) == ("CoinGecko", START + timedelta(days=100))
    assert history.requested_to == START + timedelta(days=90)


@given(
    st.lists(
        st.decimals(min_value=0, allow_nan=False, allow_infinity=False, places=20),
        min_size=3,
        max_size=30,
    )
)
def test_every_decimal_is_the_same_as_before(prices: list[Decimal]) -> None:
    history = read_history(
        chart([(START_MS + n * HOUR_MS, str(price)) for n, price in enumerate(prices)])
    )
    assert [Decimal(line[2]) for line in lines(history)] == prices


@pytest.mark.parametrize(
    ("minutes", "found"),
    [(5, Granularity.FIVE_MINUTES), (60, Granularity.HOUR), (1440, Granularity.DAY)],
)
def test_the_distance_of_the_points_says_the_granularity(minutes: int, found: Granularity) -> None:
    points = [(START_MS + n * minutes * 60_000 + n % 7, "1") for n in range(50) if n % 9]
    assert read_history(chart(points)).minutes == found.value


@pytest.mark.parametrize(
    ("days", "asked_after", "found"),
    [
        (100, timedelta(days=300), Granularity.DAY),
        (89, timedelta(days=300), Granularity.HOUR),
        (1, timedelta(days=300), Granularity.HOUR),
        (1, timedelta(days=1), Granularity.FIVE_MINUTES),
    ],
)
def test_of_too_few_points_the_range_says_it(
    days: int, asked_after: timedelta, found: Granularity
) -> None:
    body = chart([(START_MS, "1")], START + timedelta(days=days), START + asked_after)
    assert read_history(body).minutes == found.value


def test_a_chart_without_points_says_what_was_asked_for() -> None:
    history = read_history(chart([]))
    assert (len(history.points), history.minutes) == (0, None)
    assert history.requested_from == START


def test_the_point_that_stands_for_now_is_left_out() -> None:
    hours = [(START_MS + n * HOUR_MS + 271_000, "1") for n in range(10)]
    asked_at = START + timedelta(hours=9, minutes=40)
    history = read_history(chart(hours, asked_at, asked_at))
    assert (len(history.points), history.unfinished) == (9, 1)
    # From a cache, made when the hour was not over: too soon after the one before.
    cached = [*hours, (hours[-1][0] + 500_000, "2")]
    history = read_history(chart(cached))
    assert (len(history.points), history.unfinished) == (10, 1)
    assert read_history(chart(hours)).unfinished == 0


def test_the_arrays_are_joined_by_their_times() -> None:
    body = {
        "prices": [[START_MS, 1], [START_MS + HOUR_MS, 2]],
        "market_caps": [[START_MS + HOUR_MS, 20], [START_MS + 2 * HOUR_MS, 30]],
        "total_volumes": [[START_MS, 100]],
    }
    history = read_history(chart([], body=json.dumps(body).encode()))
    assert [line[1:5] for line in lines(history)] == [
        [str(START_MS), "1", "null", "100"],
        [str(START_MS + HOUR_MS), "2", "20", "null"],
        # No price: the rules reject it, with what there is of it.
        [str(START_MS + 2 * HOUR_MS), "null", "30", "null"],
    ]


def test_what_is_wrong_with_a_point_spoils_that_point_alone() -> None:
    body = (
        b'{"prices":[[1767225600000,1],["x",2],[1767232800000,"3"],[1767236400000,NaN],7],'
        b'"market_caps":[],"total_volumes":[]}'
    )
    answer = msgspec.json.decode(chart([]), type=ChartAnswer)
    kept = msgspec.structs.replace(answer, body=msgspec.Raw(b"null"), unreadable=body)
    history = read_history(encode_answer(kept))
    assert [line[1] for line in lines(history)] == [
        *("1767225600000", "null", "1767232800000", "1767236400000", "null")
    ]
    assert history.points.malformed == {1: "time", 2: "price", 3: "price", 4: "time"}
    assert [history.points.text(n) for n in range(5)] == [
        *("[1767225600000, 1, null, null]", '["x",2]'),
        *('[1767232800000, "3", null, null]', "[1767236400000, NaN, null, null]", "7"),
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error":"coin not found"}', "the API answered with an error: .*coin not found"),
        (b'{"market_caps":[]}', "no array prices"),
        (b"[]", "damaged|looks|JSON"),
    ],
)
def test_an_answer_that_is_no_chart_is_named(body: bytes, said: str) -> None:
    with pytest.raises(HistoryError, match=said):
        read_history(chart([], body=body))


def test_an_answer_that_could_not_be_read_says_what_it_looks_like() -> None:
    answer = msgspec.json.decode(chart([]), type=ChartAnswer)
    kept = msgspec.structs.replace(answer, body=msgspec.Raw(b"null"), unreadable=b"<html>")
    with pytest.raises(HistoryError, match="HTML"):
        read_history(encode_answer(kept))


# --- Exports -------------------------------------------------------------------------------------

HEADER = b"snapped_at,price,market_cap,total_volume\n"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("btc-usd-max.csv", ("btc", "usd")),
        ("btc-usd-max (3).csv", ("btc", "usd")),
        ("btc-usd-max(1).csv", ("btc", "usd")),
        ("BTC-EUR-max.csv", ("btc", "eur")),
        ("usdc.e-btc-365d.csv.gz", ("usdc.e", "btc")),
        ("a-b-usd-max.csv", ("a-b", "usd")),
        ("bitcoin.csv", None),
        ("btc-usd.csv", None),
    ],
)
def test_the_name_of_an_export_tells_symbol_and_currency(
    name: str, told: tuple[str, str] | None
) -> None:
    assert name_of_export(name) == told


def test_an_export_is_read_to_the_digit() -> None:
    history = read_history(
        b"\xef\xbb\xbf"
        + HEADER
        + b"2013-04-28 00:00:00 UTC,135.3,1500517590,0\r\n"
        + b"2013-04-29 00:00:00 UTC,9.722410112328183e-10,,0.0\r\n\r\n"
        + b"2013-06-06 23:29:55 UTC,1,0.0,2\n"
    )
    assert [line[1:5] for line in lines(history)] == [
        ["1367107200000", "135.3", "1500517590", "0"],
        ["1367193600000", "9.722410112328183e-10", "null", "0.0"],
        ["1370561395000", "1", "0.0", "2"],
    ]
    assert (history.origin, history.source) == ("import", "CoinGecko file")
    assert history.minutes == 1440
    # Nothing else says when it was fetched.
    assert history.ingested_at == datetime(2013, 6, 6, 23, 29, 55, tzinfo=timezone.utc)


def test_the_columns_of_an_export_may_stand_in_any_order_beside_others() -> None:
    history = read_history(b"x,price,Snapped_at,total_volume,market_cap\n1,2,2013-04-28,3,4\n")
    assert lines(history)[0][1:5] == ["1367107200000", "2", "4", "3"]


def test_a_bad_row_spoils_itself_alone() -> None:
    history = read_history(
        HEADER + b"yesterday,1,2,3\n2013-04-28 00:00:00 UTC,1.2.3,2,3\n2013-04-30,5\n"
    )
    assert history.points.malformed == {0: "time", 1: "price"}
    assert history.points.text(1) == "2013-04-28 00:00:00 UTC,1.2.3,2,3"
    assert lines(history)[2][1:5] == ["1367280000000", "5", "null", "null"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADER, "no point"),
        (b"snapped_at,price\n2013-04-28,1\n", "it lacks market_cap, total_volume"),
        (HEADER + "2013-04-28,1,1,1\n".encode("utf-16"), "."),
    ],
)
def test_what_is_no_export_is_named(content: bytes, said: str) -> None:
    with pytest.raises(HistoryError, match=said):
        read_history(content)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (HEADER + b"2013-04-28,1,1,1\n", True),
        (b'{"prices":[],"market_caps":[],"total_volumes":[]}', True),
        (chart([]), True),
        (b'{"records":[],"ingested_at":"2026-01-01T00:00:00Z"}', False),
        (b'[{"id":"bitcoin"}]', False),
        (b"a,b\n1,2\n", False),
        (b"", False),
        (b"{", False),
    ],
)
def test_price_history_is_recognised(content: bytes, found: bool) -> None:
    assert is_history(content) is found
