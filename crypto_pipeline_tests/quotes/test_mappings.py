"""Which coin is which: suggested by evidence, confirmed by people, one to one."""

import pytest

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.quotes.mappings import (
    MappingRefusedError,
    confirm_mapping,
    confirm_suggested,
    mapped_coins,
    only_source,
    revoke_mapping,
)
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.coins import coin_lists
from crypto_pipeline_tests.pipeline import rows
from crypto_pipeline_tests.quotes.answers import land, land_contracts, load, ticker

SOURCE = "CoinPaprika"


def know(zone: LandingZone, warehouse: Warehouse, *coins: coin_lists.Coin) -> None:
    """Let CoinGecko list some coins."""
    coin_lists.land(zone, coins, coin_lists.day(0))
    coin_lists.load(warehouse, zone)


def other(coin: str, symbol: str, name: str) -> dict[str, object]:
    """A coin as CoinPaprika has it."""
    return ticker(id=coin, symbol=symbol, name=name)


def suggestions(warehouse: Warehouse) -> list[tuple[object, ...]]:
    return rows(
        warehouse,
        "SELECT source_coin_id, crypto_id, is_only_one, have_other_contracts, evidence"
        " FROM coin_mapping_suggestions ORDER BY 1, 2",
    )


def test_equal_contracts_or_equal_symbol_and_name_are_evidence(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    know(
        zone,
        warehouse,
        coin_lists.coin("bitcoin", "btc", "Bitcoin"),
        coin_lists.coin("tether", "usdt", "Tether", ethereum="0xABC"),
        coin_lists.coin("bitcoin-two", "btc", "Bitcoin Two"),
    )
    land(
        zone,
        [
            other("btc-bitcoin", "BTC", "Bitcoin"),
            other("usdt-tether", "USDT", "Tether USD"),
            other("btc-other", "BTC", "Another"),
        ],
    )
    land_contracts(zone, "eth-ethereum", usdt__tether="0xabc")
    load(warehouse, zone)
    # A symbol alone is none.
    assert suggestions(warehouse) == [
        ("btc-bitcoin", "bitcoin", True, False, "symbol BTC; name Bitcoin"),
        ("usdt-tether", "tether", True, False, "contract 0xABC; symbol USDT"),
    ]
    assert rows(warehouse, "SELECT count(*) FROM coin_mappings") == [(0,)]
    assert only_source(warehouse) == SOURCE
    assert confirm_suggested(warehouse, SOURCE, "me") == 2
    assert suggestions(warehouse) == []
    assert mapped_coins(warehouse, SOURCE) == ["btc-bitcoin", "usdt-tether"]


def test_what_is_ambiguous_or_contradicted_waits_for_a_person(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    know(
        zone,
        warehouse,
        coin_lists.coin("one", "uni", "Unicorn", ethereum="0x1"),
        coin_lists.coin("two", "uni", "Unicorn", ethereum="0x2"),
        coin_lists.coin("real", "rea", "Real", ethereum="0x3"),
        coin_lists.coin("lone", "abc", "Lone", ethereum="0x5"),
    )
    land(
        zone,
        [
            other("uni-unicorn", "UNI", "Unicorn"),
            other("rea-fake", "REA", "Real"),
            other("xyz-lone", "XYZ", "Solo"),
        ],
    )
    land_contracts(zone, "eth-ethereum", rea__fake="0x4", xyz__lone="0x5")
    load(warehouse, zone)
    assert suggestions(warehouse) == [
        ("rea-fake", "real", True, True, "contracts differ; symbol REA; name Real"),
        ("uni-unicorn", "one", False, False, "symbol UNI; name Unicorn"),
        ("uni-unicorn", "two", False, False, "symbol UNI; name Unicorn"),
        ("xyz-lone", "lone", True, False, "contract 0x5"),
    ]
    assert confirm_suggested(warehouse, SOURCE, "me") == 0
    # A person may, and the evidence says what spoke for it.
    assert (
        confirm_mapping(warehouse, SOURCE, "rea-fake", "real", "me")
        == "contracts differ; symbol REA; name Real"
    )
    assert (
        confirm_mapping(warehouse, SOURCE, "xyz-lone", "two", "me")
        == "no equal contract, symbol and name"
    )
    # With one of the two gone, the other is the only one.
    assert suggestions(warehouse) == [
        ("uni-unicorn", "one", True, False, "symbol UNI; name Unicorn")
    ]


def test_a_mapping_is_one_to_one_and_can_be_taken_back(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    know(zone, warehouse, coin_lists.coin("bitcoin", "btc"), coin_lists.coin("ether", "eth"))
    land(zone, [other("btc-bitcoin", "BTC", "B"), other("eth-ether", "ETH", "E")])
    load(warehouse, zone)
    assert confirm_mapping(warehouse, SOURCE, "btc-bitcoin", "bitcoin", "me") is not None
    assert confirm_mapping(warehouse, SOURCE, "btc-bitcoin", "bitcoin", "me") is None
    for coin, ours, why in (
        ("btc-bitcoin", "ether", "btc-bitcoin is bitcoin already"),
        ("eth-ether", "bitcoin", "bitcoin is btc-bitcoin of CoinPaprika already"),
        ("no", "ether", "CoinPaprika has said nothing of a coin no"),
        ("eth-ether", "no", "no coin no is known here"),
    ):
        with pytest.raises(MappingRefusedError, match=why):
            confirm_mapping(warehouse, SOURCE, coin, ours, "me")
    assert revoke_mapping(warehouse, SOURCE, "btc-bitcoin", "you") == "bitcoin"
    with pytest.raises(MappingRefusedError, match="nobody has confirmed"):
        revoke_mapping(warehouse, SOURCE, "btc-bitcoin", "you")
    assert confirm_mapping(warehouse, SOURCE, "eth-ether", "bitcoin", "me") is not None
    assert rows(
        warehouse,
        "SELECT source_coin_id, crypto_id, confirmed_by, revoked_by FROM coin_mappings"
        " ORDER BY confirmed_at",
    ) == [("btc-bitcoin", "bitcoin", "me", "you"), ("eth-ether", "bitcoin", "me", None)]


def test_a_source_has_to_be_named_where_there_is_none_or_several(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    with pytest.raises(MappingRefusedError, match="set COINPAPRIKA_PLAN"):
        only_source(warehouse)
    land(zone, [ticker()])
    land(zone, [ticker()], source="Elsewhere")
    load(warehouse, zone)
    with pytest.raises(MappingRefusedError, match="which of CoinPaprika, Elsewhere"):
        only_source(warehouse)
