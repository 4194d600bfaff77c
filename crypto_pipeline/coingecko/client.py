"""The HTTP client: pages of ``/coins/markets`` into one capture, charts, and the list of coins."""

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from types import TracebackType
from typing import NamedTuple, final
from urllib.parse import quote

import msgspec

from crypto_pipeline.coingecko.capture import Capture, ResponseMeta, read_page
from crypto_pipeline.coingecko.charts import MARKET_CHART_RANGE, OHLC, ChartAnswer, holds_prices
from crypto_pipeline.coingecko.coin_list import COINS_LIST, CoinListAnswer, is_coin_list
from crypto_pipeline.coingecko.errors import CoinGeckoError, MalformedResponse
from crypto_pipeline.coingecko.limits import request_budget
from crypto_pipeline.coingecko.schema import coin_id
from crypto_pipeline.coingecko.transport import Transport
from crypto_pipeline.config.settings import Plan, Settings
from crypto_pipeline.fetching.budget import Budget
from crypto_pipeline.fetching.request_log import request_log
from crypto_pipeline.fetching.tolerant_json import MALFORMED
from crypto_pipeline.fetching.transport import Answer

_MAX_PER_PAGE = 250
_OTHER_PER_PAGE = (240, 230)
"""Page sizes in which a border between two pages of the usual size lies inside of a page."""
_MAX_IDS_LENGTH = 5500
"""Characters of an encoded ``ids``; keeps the whole URL below 6,000, which proxies let through."""

_logger = logging.getLogger(__name__)
_decode_any = msgspec.json.Decoder(msgspec.Raw).decode


class KeyUsage(
    msgspec.Struct,
    frozen=True,
    rename={
        "per_minute": "rate_limit_request_per_minute",
        "per_month": "monthly_call_credit",
        "used": "current_total_monthly_calls",
        "key_per_minute": "api_key_rate_limit_request_per_minute",
        "key_per_month": "api_key_monthly_call_credit",
        "key_used": "api_key_current_total_monthly_calls",
    },
):
    """What ``/key`` says of a pro key: limits of the plan, and of the key, which may be lower.

    Attributes:
        per_minute: Requests a minute.
        per_month: Credits a month.
        used: Credits used this month.
        key_per_minute: Likewise, of this key.
        key_per_month: Likewise.
        key_used: Likewise.
    """

    per_minute: int | None = None
    per_month: int | None = None
    used: int | None = None
    key_per_minute: int | None = None
    key_per_month: int | None = None
    key_used: int | None = None


NOT_ASKED = KeyUsage()
"""Nothing that CoinGecko says of a key."""


class _Page(NamedTuple):
    """``fetched`` is how many records came, of which ``records`` are kept."""

    answer: Answer
    records: list[msgspec.Raw]
    fetched: int


@final
class CoinGeckoClient:
    """A client of one CoinGecko plan; use it as a context manager.

    Args:
        transport: Makes its requests.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    def from_settings(
        cls, settings: Settings, run_id: str | None = None, budget: Budget | None = None
    ) -> "CoinGeckoClient":
        """The client that the settings describe, by default with the machine's budget in
        ``data_dir``.

        Raises:
            ValueError: the plan lacks its key or root URL, or one of them cannot be right.
        """
        return cls(
            Transport(
                settings.coingecko_plan,
                api_key=settings.coingecko_api_key,
                base_url=settings.coingecko_base_url,
                budget=request_budget(settings) if budget is None else budget,
                log=request_log(settings),
                run_id=run_id,
            )
        )

    def __enter__(self) -> "CoinGeckoClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __repr__(self) -> str:
        of = self._transport
        return f"CoinGeckoClient(plan={of.plan.value!r}, host={of.host!r})"

    def now(self) -> datetime:
        """The pipeline's clock, UTC: the system's, or the server's for the sandbox plan.

        Raises:
            CoinGeckoError: the sandbox server cannot be reached or sends no time.
        """
        if self._transport.plan is Plan.SANDBOX:
            return self._transport.retrying(self._transport.get, "/ping", {}).received_at
        return datetime.now(timezone.utc)

    def ping(self) -> datetime | None:
        """Ask once whether the service answers and takes the key; what its clock says, UTC, to the
        second, where it says.

        Raises:
            CoinGeckoError: it does not answer, or refuses the key.
        """
        return self._transport.get("/ping", {}).date

    def key_usage(self) -> KeyUsage:
        """What CoinGecko says of the key's limits and use: only of a pro key.

        Raises:
            CoinGeckoError: it cannot be asked.
        """
        if self._transport.plan is not Plan.PRO:
            return NOT_ASKED
        answer = self._transport.retrying(self._transport.get, "/key", {})
        try:
            return msgspec.json.decode(answer.body or b"", type=KeyUsage)
        except MALFORMED as problem:
            raise MalformedResponse(str(problem), status=200) from None

    def markets(
        self,
        vs_currency: str,
        top_n: int | None,
        ids: Sequence[str] = (),
        include_rehypothecated: bool = False,
        also: Sequence[str] = (),
        on_page: Callable[[int, int], None] | None = None,
        on_unreadable: Callable[[Capture], None] | None = None,
    ) -> Capture:
        """Fetch the coins of largest market cap, or those named, as one capture.

        Ranks move while paging, so a coin may come on two pages, and the one that it overtook on
        none. Nothing is removed; what was missed is asked for once more, in pages of another size
        (CoinGecko answers the same page from its cache).

        Args:
            vs_currency: Currency of all prices, e.g. ``usd``.
            top_n: How many coins, from 1; None is all there are. Not used with ``ids``.
            ids: Coin ids to fetch instead.
            include_rehypothecated: Whether tokens that stand for others are listed too.
            also: Ids of coins to fetch beside the largest ones; those that came with these are not
                asked for again.
            on_page: Called after each page with its number, from 1, and the records so far.
            on_unreadable: Called with every answer that came with HTTP 200 and is no records: a
                capture without records that holds its body.

        Returns:
            The capture. ``ingested_at`` is when the request that got the first page was sent (the
            server's time for the sandbox). ``request`` leaves out ``page`` and has all ids.
            If a later page fails for good, the capture has the pages got, and ``error``.

        Raises:
            CoinGeckoError: not even the first page could be got.
        """
        limit = None if ids else top_n
        per_page = _MAX_PER_PAGE if limit is None else min(limit, _MAX_PER_PAGE)
        request = {
            "vs_currency": vs_currency,
            "order": "market_cap_desc",
            "per_page": str(per_page),
            "precision": "full",
            "sparkline": "false",
        }
        if include_rehypothecated:
            request["include_rehypothecated"] = "true"
        queries: Iterator[dict[str, str]]
        if ids:
            queries = (
                request | {"ids": ",".join(chunk), "page": "1"} for chunk in _chunks_of_ids(ids)
            )
        else:
            queries = (request | {"page": str(page)} for page in itertools.count(1))

        pages: list[_Page] = []
        count = 0
        error: str | None = None
        for number, query in enumerate(queries, 1):
            try:
                page = self._transport.retrying(self._get_page, query, on_unreadable)
            except CoinGeckoError as failure:
                if not pages:
                    raise
                error = str(failure)
                break
            is_last = not ids and (
                len(page.records) < per_page or count + len(page.records) == limit
            )
            page = page._replace(records=page.records[: None if limit is None else limit - count])
            count += len(page.records)
            pages.append(page)
            if on_page is not None:
                on_page(number, count)
            if is_last or count == limit:
                break
        if not ids:
            pages += self._missed(pages, request, limit)
            pages += self._also(pages, request, also)

        first = pages[0].answer
        return Capture(
            ingested_at=self._transport.time_of(first),
            source=first.source,
            records=[record for page in pages for record in page.records],
            request=request | ({"ids": ",".join(ids)} if ids else {}),
            responses=[
                ResponseMeta(
                    page=number,
                    received_at=page.answer.received_at,
                    records=page.fetched,
                    headers=page.answer.kept_headers,
                )
                for number, page in enumerate(pages, 1)
            ],
            error=error,
        )

    def chart_range(
        self,
        coin: str,
        vs_currency: str,
        start: datetime,
        end: datetime,
        on_unreadable: Callable[[ChartAnswer], None] | None = None,
        known: ChartAnswer | None = None,
    ) -> ChartAnswer:
        """Fetch the price history of a coin from ``start`` to ``end``.

        CoinGecko chooses the distance of the points by the range: hours for 2 to 90 days, days for
        more; five minutes for the last day.

        Args:
            coin: The coin's id.
            vs_currency: Currency of all amounts.
            start: First moment, to the second.
            end: Last moment, to the second.
            on_unreadable: Called with every answer that came with HTTP 200 and is no JSON.
            known: The newest answer to the same request that we have. Where CoinGecko says by its
                ETag that it is still the same, the body is that of this one.

        Raises:
            PlanError: with code 10012, the range begins before the plan's reach.
            CoinGeckoError: it could not be got.
        """
        query = {
            "vs_currency": vs_currency,
            "from": str(int(start.timestamp())),
            "to": str(int(end.timestamp())),
            "precision": "full",
        }
        return self._transport.retrying(
            self._get_past, MARKET_CHART_RANGE, coin, query, on_unreadable, known
        )

    def ohlc(
        self,
        coin: str,
        vs_currency: str,
        days: str,
        on_unreadable: Callable[[ChartAnswer], None] | None = None,
        known: ChartAnswer | None = None,
    ) -> ChartAnswer:
        """Fetch the candles of a coin, of the last days, as CoinGecko makes them: of 30 minutes for
        a day, of 4 hours for up to 30, of 4 days for more.

        Args:
            coin: The coin's id.
            vs_currency: Currency of all amounts.
            days: 1, 7, 14, 30, 90, 180, 365 or, of some plans, max.
            on_unreadable: As of ``chart_range``.
            known: Likewise.

        Raises:
            CoinGeckoError: it could not be got.
        """
        query = {"vs_currency": vs_currency, "days": days, "precision": "full"}
        return self._transport.retrying(self._get_past, OHLC, coin, query, on_unreadable, known)

    def _get_past(
        self,
        endpoint: str,
        coin: str,
        query: dict[str, str],
        on_unreadable: Callable[[ChartAnswer], None] | None,
        known: ChartAnswer | None,
    ) -> ChartAnswer:
        path = endpoint.replace("{id}", quote(coin, safe=""))
        answer = self._transport.get(path, query, endpoint, _etag(known, query))
        if known is not None and answer.is_unchanged:
            return msgspec.structs.replace(
                known,
                ingested_at=self._transport.time_of(answer),
                source=answer.source,
                headers=answer.kept_headers,
            )
        self._transport.refuse_error(answer)
        body = self._transport.text_of(answer)
        chart = ChartAnswer(
            ingested_at=self._transport.time_of(answer),
            source=answer.source,
            coin=coin,
            request=query,
            headers=answer.kept_headers,
            body=msgspec.Raw(body),
        )
        try:
            if answer.body is None:
                raise MalformedResponse("its content encoding is broken", status=200)
            # Whole JSON, so that it can stand inside of our file.
            _decode_any(body)
        except (*MALFORMED, MalformedResponse) as malformed:
            kept = msgspec.structs.replace(chart, body=msgspec.Raw(b"null"), unreadable=body)
            if answer.body is not None and holds_prices(body):
                # A value is wrong (a bare NaN): that spoils one point.
                return kept
            if on_unreadable is not None:
                on_unreadable(kept)
            if isinstance(malformed, MalformedResponse):
                raise
            raise MalformedResponse(str(malformed), status=200) from None
        return chart

    def coin_list(
        self,
        *,
        is_active: bool = True,
        on_unreadable: Callable[[CoinListAnswer], None] | None = None,
        known: CoinListAnswer | None = None,
    ) -> CoinListAnswer:
        """Fetch the list of all coins, with the contracts of each.

        Args:
            is_active: Whether the active coins are asked for; else those that CoinGecko no longer
                follows, which are for paid plans only.
            on_unreadable: Called with every answer that came with HTTP 200 and is no list.
            known: As of ``chart_range``.

        Raises:
            CoinGeckoError: it could not be got.
        """
        # Without a status, CoinGecko lists the active ones; a plan that has no inactive ones may
        # not know the parameter.
        query = {"include_platform": "true"} | ({} if is_active else {"status": "inactive"})
        return self._transport.retrying(self._get_coin_list, query, is_active, on_unreadable, known)

    def _get_coin_list(
        self,
        query: dict[str, str],
        is_active: bool,
        on_unreadable: Callable[[CoinListAnswer], None] | None,
        known: CoinListAnswer | None,
    ) -> CoinListAnswer:
        answer = self._transport.get(COINS_LIST, query, etag=_etag(known, query))
        if known is not None and answer.is_unchanged:
            return replace(
                known,
                ingested_at=self._transport.time_of(answer),
                source=answer.source,
                headers=answer.kept_headers,
            )
        self._transport.refuse_error(answer)
        body = self._transport.text_of(answer)
        fetched = CoinListAnswer(
            ingested_at=self._transport.time_of(answer),
            source=answer.source,
            is_active=is_active,
            request=query,
            headers=answer.kept_headers,
            body=body,
        )
        if answer.body is None or not is_coin_list(body):
            if on_unreadable is not None:
                on_unreadable(fetched)
            broken = "its content encoding is broken" if answer.body is None else "it is no list"
            raise MalformedResponse(broken, status=200)
        return fetched

    def _missed(
        self, pages: Sequence[_Page], request: dict[str, str], limit: int | None
    ) -> list[_Page]:
        """The coins that a page border has lost, for each that has a coin twice."""
        seen: set[str] = set()
        found: list[_Page] = []
        for number, page in enumerate(pages):
            ids = _ids(page.records)
            repeated = len(ids & seen)
            seen |= ids
            if not repeated:
                continue
            border = number * _MAX_PER_PAGE
            size = next(size for size in _OTHER_PER_PAGE if border % size)
            query = request | {"per_page": str(size), "page": str(border // size + 1)}
            try:
                # Once: the pages that are there must not wait for it.
                answer = self._get_page(query, None)
            except CoinGeckoError as failure:
                _logger.warning("a coin was missed between two pages: %s", failure)
                break
            found.append(answer)
            # The pages that follow count as seen: only what none of them has was missed.
            known = seen.union(*(_ids(later.records) for later in pages))
            first = border // size * size
            new = [
                record
                for position, record in enumerate(answer.records, first)
                if coin_id(record) not in known and (limit is None or position < limit)
            ]
            found[-1] = answer._replace(records=new[:repeated])
            seen |= _ids(new[:repeated])
        return found

    def _also(
        self, pages: Sequence[_Page], request: dict[str, str], also: Sequence[str]
    ) -> list[_Page]:
        """The coins beside the largest ones that have not come yet, by their ids."""
        seen: set[str] = set().union(*(_ids(page.records) for page in pages))
        left = [coin for coin in also if coin not in seen]
        found: list[_Page] = []
        for chunk in _chunks_of_ids(left) if left else ():
            query = request | {"ids": ",".join(chunk), "per_page": str(_MAX_PER_PAGE), "page": "1"}
            try:
                found.append(self._transport.retrying(self._get_page, query, None))
            except CoinGeckoError as failure:
                # The pages that are there are kept.
                _logger.warning("%d coins beside the largest did not come: %s", len(left), failure)
                break
        return found

    def _get_page(
        self, query: dict[str, str], on_unreadable: Callable[[Capture], None] | None
    ) -> _Page:
        answer = self._transport.get("/coins/markets", query)
        try:
            if answer.body is None:
                raise MalformedResponse("its content encoding is broken", status=200)
            records = read_page(answer.body)
        except (*MALFORMED, MalformedResponse) as malformed:
            self._transport.refuse_error(answer)
            unreadable = MalformedResponse(str(malformed), status=200)
            if isinstance(malformed, MalformedResponse):
                unreadable = malformed
            if on_unreadable is not None:
                on_unreadable(
                    Capture(
                        ingested_at=self._transport.time_of(answer),
                        source=answer.source,
                        records=[],
                        request=query,
                        error=str(unreadable),
                        unreadable=self._transport.text_of(answer),
                    )
                )
            raise unreadable from None
        return _Page(answer, records, len(records))


def _chunks_of_ids(ids: Sequence[str]) -> Iterator[list[str]]:
    """Split ids into requests: at most a page's worth each, in a URL that is not too long."""
    chunk: list[str] = []
    length = 0
    for one in dict.fromkeys(ids):
        encoded = len(quote(one, safe="")) + len("%2C")
        if len(chunk) == _MAX_PER_PAGE or (chunk and length + encoded > _MAX_IDS_LENGTH):
            yield chunk
            chunk, length = [], 0
        chunk.append(one)
        length += encoded
    yield chunk


def _etag(known: ChartAnswer | CoinListAnswer | None, query: dict[str, str]) -> str | None:
    """That of an answer which we have, if it is one to the same request."""
    return None if known is None or known.request != query else known.headers.get("etag")


def _ids(records: Sequence[msgspec.Raw]) -> set[str]:
    return {found for record in records if (found := coin_id(record)) is not None}
