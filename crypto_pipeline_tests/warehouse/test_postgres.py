import itertools
import select
import socket
import socketserver
import threading
import time
from collections.abc import Sequence
from decimal import Decimal

import dagster as dg
import msgspec
import pandas as pd
import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import sql

from crypto_pipeline.coingecko.schema import NUMBER_FIELDS
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.registry import SILVER_TABLES
from crypto_pipeline.warehouse.postgres import Warehouse, connect, warehouse_conninfo
from crypto_pipeline.warehouse.resource import PostgresIOManager, read_frame
from crypto_pipeline.warehouse.staging import decode_files, stage
from crypto_pipeline_tests.market_records import drop, landing_json, market_record

INSERT = "INSERT INTO data_origin (kind) VALUES ('live')"
COUNT = "SELECT count(*)::integer FROM data_origin"


def count_outside(warehouse: Warehouse) -> int:
    """What others see at this moment."""
    with warehouse.connection() as connection:
        return single(connection, COUNT)


def single(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    value: int = row[0]
    return value


# --- Connections -------------------------------------------------------------------------------


def test_a_session_is_in_utc_whatever_the_server_prefers(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        database = connection.info.dbname
        for setting in ("TimeZone TO 'Asia/Kathmandu'", "search_path TO analytics"):
            connection.execute(f"ALTER DATABASE {database} SET {setting}")
    with psycopg.connect(warehouse_conninfo(Settings())) as preferred:
        assert preferred.execute("SHOW TimeZone").fetchone() == ("Asia/Kathmandu",)
    for opened in (warehouse.connection, warehouse.load):
        with opened() as connection:
            assert connection.execute("SHOW TimeZone").fetchone() == ("UTC",)
            assert connection.execute("SHOW search_path").fetchone() == ("public",)
            (shown,) = connection.execute(
                "SELECT timestamptz '2026-11-24 05:00:00+00'::text"
            ).fetchone() or ("",)
            assert shown == "2026-11-24 05:00:00+00"


def test_a_session_stays_in_utc_when_its_first_transaction_fails(warehouse: Warehouse) -> None:
    with connect(warehouse_conninfo(Settings())) as connection:
        connection.execute("SELECT 1")
        connection.rollback()
        assert connection.execute("SHOW TimeZone").fetchone() == ("UTC",)


def test_settings_name_the_database(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded = psycopg.conninfo.conninfo_to_dict(warehouse_conninfo(Settings()))
    assert embedded["dbname"] == Settings().database_name
    monkeypatch.setenv("DB_HOST", "db.example")
    monkeypatch.setenv("DB_PASSWORD", "it's a secret")
    remote = psycopg.conninfo.conninfo_to_dict(warehouse_conninfo(Settings()))
    assert {name: str(value) for name, value in remote.items()} == {
        "host": "db.example",
        "port": "5432",
        "dbname": embedded["dbname"],
        "user": "etl_role",
        "password": "it's a secret",
    }
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone@elsewhere:6543/other")
    assert psycopg.conninfo.conninfo_to_dict(warehouse_conninfo(Settings()))["host"] == "elsewhere"


def test_an_embedded_database_sorts_by_code_points(
    warehouse: Warehouse, server_conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_NAME", "made_at_first_use")
    try:
        with psycopg.connect(warehouse_conninfo(Settings())) as connection:
            assert connection.execute(
                "SELECT array_agg(t ORDER BY t) FROM unnest(ARRAY['b', 'É', 'a', 'B', 'é']) AS t"
            ).fetchone() == (["B", "a", "b", "É", "é"],)
            assert connection.execute("SELECT lower('É')").fetchone() == ("é",)
    finally:
        with psycopg.connect(server_conninfo, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS made_at_first_use WITH (FORCE)")


class _Forward(socketserver.BaseRequestHandler):
    """One connection of a TCP client to a Unix socket."""

    def handle(self) -> None:
        server = self.server
        assert isinstance(server, _Gateway)
        with socket.socket(socket.AF_UNIX) as upstream:
            upstream.connect(server.path)
            ends = {self.request: upstream, upstream: self.request}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


class _Gateway(socketserver.ThreadingTCPServer):
    """Lets the embedded server, which has a Unix socket only, be reached as by another machine."""

    daemon_threads = True
    path = ""


@pytest.mark.parametrize(
    ("host", "warnings"),
    [
        ("127.0.0.1", 0),
        # Not a loopback address by its number, and yet this machine.
        ("0.0.0.0", 1),
    ],
)
def test_another_machine_without_tls_is_warned_of_once(
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    host: str,
    warnings: int,
) -> None:
    with warehouse.connection() as connection:
        folder = connection.info.host
    assert caplog.records == []
    with _Gateway(("127.0.0.1", 0), _Forward) as gateway:
        gateway.path = f"{folder}/.s.PGSQL.5432"
        threading.Thread(target=gateway.serve_forever, args=[0.05], daemon=True).start()
        monkeypatch.setenv("DB_HOST", host)
        monkeypatch.setenv("DB_PORT", str(gateway.server_address[1]))
        monkeypatch.setenv("DB_USER", "postgres")
        monkeypatch.setenv("DB_PASSWORD", "not asked for")
        for _ in range(2):
            with warehouse.connection() as connection:
                assert connection.info.host == host
        gateway.shutdown()
    assert len(caplog.records) == warnings
    for record in caplog.records:
        assert f"{host} is not encrypted: set DB_SSLMODE" in record.getMessage()


# --- The one transaction of a load -------------------------------------------------------------


def test_a_load_becomes_visible_at_its_end(warehouse: Warehouse) -> None:
    with warehouse.load() as connection:
        connection.execute(INSERT)
        assert (single(connection, COUNT), count_outside(warehouse)) == (1, 0)
    assert count_outside(warehouse) == 1


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_load_that_fails_leaves_nothing(warehouse: Warehouse, error: type[BaseException]) -> None:
    with pytest.raises(error), warehouse.load() as connection:
        connection.execute(INSERT)
        raise error
    assert count_outside(warehouse) == 0
    with warehouse.load() as connection:
        connection.execute(INSERT)
    assert count_outside(warehouse) == 1


def test_a_load_inside_a_load_joins_the_outer_one(warehouse: Warehouse) -> None:
    with pytest.raises(RuntimeError), warehouse.load() as outer:
        with Warehouse().load() as inner:
            assert inner is outer
            inner.execute(INSERT)
        assert (single(outer, COUNT), count_outside(warehouse)) == (1, 0)
        raise RuntimeError
    assert count_outside(warehouse) == 0
    with warehouse.load() as later:
        assert later is not outer


def test_loads_take_turns(warehouse: Warehouse) -> None:
    inside = 0
    most = 0
    seen: list[int] = []

    def load() -> None:
        nonlocal inside, most
        with warehouse.load() as connection:
            inside += 1
            most = max(most, inside)
            seen.append(single(connection, "SELECT count(*)::integer FROM cryptocurrencies"))
            time.sleep(0.02)
            connection.execute(
                "INSERT INTO cryptocurrencies VALUES (%s, 'x', 'x', NULL, now(), now())",
                [str(len(seen))],
            )
            inside -= 1

    threads = [threading.Thread(target=load) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    # Each begins with what the one before has left.
    assert seen == [0, 1, 2, 3, 4]


def test_readers_do_not_wait_for_a_load(warehouse: Warehouse) -> None:
    with warehouse.load() as connection:
        connection.execute(INSERT)
        with warehouse.connection() as reader:
            reader.execute("SET statement_timeout TO '2s'")
            assert single(reader, COUNT) == 0


# --- From a frame into a table and back ---------------------------------------------------------

_files = itertools.count(1)


def load_frames(
    warehouse: Warehouse, zone: LandingZone, records: Sequence[dict[str, object]]
) -> dict[str, dict[str, object]]:
    """Load records as the silver asset does: staged, read as frames, handed to the IO manager."""
    manager = PostgresIOManager(warehouse=warehouse)
    metadata = {}
    drop(zone, f"{next(_files)}.json", landing_json(records))
    with warehouse.load() as connection:
        stage(connection, decode_files(zone.file_unfiled()), max_rejected_share=0)
        for table in SILVER_TABLES:
            frame = read_frame(connection, f"SELECT * FROM staged_{table.name}")
            context = dg.build_output_context(asset_key=dg.AssetKey(table.name))
            manager.handle_output(context, frame)
            metadata[table.name] = {
                name: value.value if isinstance(value, dg.MetadataValue) else value
                for name, value in context.consume_logged_metadata().items()
            }
    return metadata


significands = st.decimals(
    min_value=Decimal("1e-30"), max_value=Decimal("1e30"), allow_nan=False, allow_infinity=False
)
number_texts = st.one_of(
    significands.map(str),
    significands.map(lambda number: f"{number:f}"),
    st.integers(1, 10**40).map(str),
    st.builds(
        lambda digits, exponent: f"{digits}E{exponent}",
        st.integers(1, 10**20),
        st.integers(-400, 400),
    ),
)


@pytest.mark.long
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(texts=st.lists(number_texts, min_size=1, max_size=20))
@example(
    texts=["2.1E+15", "1e-30", "1e27", "0.1", "96000.00", "1E-1000", "9.9e999", "123456789" * 9]
)
def test_a_number_arrives_exactly_as_it_was_sent(
    warehouse: Warehouse, zone: LandingZone, texts: list[str]
) -> None:
    run = next(_files)
    records = [
        market_record(
            id=f"coin-{run}-{index:03}",
            **{field: msgspec.Raw(text.encode()) for field in NUMBER_FIELDS},
        )
        for index, text in enumerate(texts)
    ]
    load_frames(warehouse, zone, records)
    query = sql.SQL(
        "SELECT {} FROM v_price_history WHERE crypto_id LIKE {} ORDER BY crypto_id"
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, NUMBER_FIELDS.values())),
        sql.Literal(f"coin-{run}-%"),
    )
    with warehouse.connection() as connection:
        frame = read_frame(connection, query)
    assert [tuple(row) for row in frame.itertuples(index=False)] == [
        (Decimal(text),) * len(NUMBER_FIELDS) for text in texts
    ]


def test_the_digits_after_the_point_are_kept(warehouse: Warehouse, zone: LandingZone) -> None:
    load_frames(warehouse, zone, [market_record(current_price=msgspec.Raw(b"96000.500"))])
    with warehouse.connection() as connection:
        row = connection.execute("SELECT current_price::text FROM price_snapshots").fetchone()
    assert row == ("96000.500",)


def test_a_missing_value_is_null(warehouse: Warehouse, zone: LandingZone) -> None:
    empty = market_record(
        id="empty", market_cap=None, market_cap_rank=None, ath_date=None, image=None, roi=None
    )
    load_frames(warehouse, zone, [market_record(), empty])
    with warehouse.connection() as connection:
        row = connection.execute(
            "SELECT market_cap, market_cap_rank, ath_date, image_url, roi_currency"
            " FROM v_price_history JOIN cryptocurrencies USING (crypto_id)"
            " WHERE crypto_id = 'empty'"
        ).fetchone()
    assert row == (None,) * 5


def test_texts_of_any_kind_pass_through_copy(warehouse: Warehouse, zone: LandingZone) -> None:
    names = ["a\tb", "a\nb", "a\\Nb", "\\N", "NULL", "'; DROP TABLE x; --", "Ω≈ç√ 🚀", '"', " "]
    records = [market_record(id=f"{index}", name=name) for index, name in enumerate(names)]
    load_frames(warehouse, zone, records)
    with warehouse.connection() as connection:
        stored = connection.execute(
            "SELECT name FROM cryptocurrencies ORDER BY crypto_id"
        ).fetchall()
    assert [row[0] for row in stored] == names


def test_what_happened_to_a_table_becomes_metadata(warehouse: Warehouse, zone: LandingZone) -> None:
    metadata = load_frames(warehouse, zone, [market_record(), market_record(id="x", symbol="x")])
    prices = metadata["price_snapshots"]
    assert prices["rows_inserted"] == prices["dagster/row_count"] == 2
    assert prices["rows_duplicate"] == 0
    again = load_frames(warehouse, zone, [market_record(), market_record(id="x", symbol="x")])
    assert again["price_snapshots"]["rows_inserted"] == 0
    assert again["price_snapshots"]["rows_duplicate"] == 2


def test_an_empty_frame_is_no_rows(warehouse: Warehouse, zone: LandingZone) -> None:
    metadata = load_frames(warehouse, zone, [])
    assert metadata["price_snapshots"]["rows_inserted"] == 0


def test_a_table_reads_back_as_a_frame_of_exact_values(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    load_frames(warehouse, zone, [market_record(current_price=msgspec.Raw(b"1e-30"), ath=None)])
    upstream = dg.build_output_context(
        asset_key=dg.AssetKey("price_snapshots"), definition_metadata={"schema": "public"}
    )
    frame = PostgresIOManager(warehouse=warehouse).load_input(
        dg.build_input_context(upstream_output=upstream)
    )
    assert isinstance(frame, pd.DataFrame)
    (row,) = frame.to_dict("records")
    assert (row["crypto_id"], row["current_price"], row["ath"]) == (
        "bitcoin",
        Decimal("1e-30"),
        None,
    )


def test_a_frame_with_a_column_that_the_table_lacks_is_refused(warehouse: Warehouse) -> None:
    manager = PostgresIOManager(warehouse=warehouse)
    context = dg.build_output_context(
        asset_key=dg.AssetKey("cryptocurrency_names"), definition_metadata={"schema": "public"}
    )
    with pytest.raises(psycopg.errors.UndefinedColumn), warehouse.load() as connection:
        stage(connection, [], max_rejected_share=0)
        manager.handle_output(context, pd.DataFrame({"crypto_id": ["x"], "surprise": [1]}))
