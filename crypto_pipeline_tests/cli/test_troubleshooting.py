"""Every message that a person can see is on the page that says what to do about it."""

import re
from pathlib import Path

import pytest

from crypto_pipeline.cli.messages import VALUE, Message, all_messages
from crypto_pipeline.cli.troubleshooting import (
    AREAS,
    NOT_SHOWN,
    messages_by_selector,
    topic_of,
)
from crypto_pipeline_tests.programs import crypto_pipeline, free_port

PAGE = (Path(__file__).parents[2] / "docs" / "TROUBLESHOOTING.md").read_text(encoding="utf-8")
TOPICS = [topic for topics in AREAS.values() for topic in topics]


def test_every_message_of_the_code_belongs_to_a_topic_or_is_shown_to_nobody() -> None:
    left = messages_by_selector().get(None, [])
    assert left == [], (
        "say in cli/troubleshooting.py when it comes and what to do, then `make docs`"
    )


def test_every_topic_has_messages_and_says_when_they_come_and_what_to_do() -> None:
    found = messages_by_selector()
    assert [selector for selector, messages in found.items() if not messages] == []
    assert [topic.title for topic in TOPICS if not topic.when or not topic.remedy] == []
    selectors = [selector for topic in TOPICS for selector in topic.messages]
    assert len(selectors) == len(set(selectors))
    assert not set(selectors) & set(NOT_SHOWN)


def test_every_message_is_on_the_page() -> None:
    shown = [
        message
        for selector, messages in messages_by_selector().items()
        if selector not in NOT_SHOWN
        for message in messages
    ]
    assert len(shown) > 150
    assert [message for message in shown if message.text not in PAGE] == []


def test_a_text_is_named_before_a_module_alone() -> None:
    message = Message("a.b", "the file is not there")
    assert topic_of(message, ["a.b", "a.b: is not there"]) == "a.b: is not there"
    assert topic_of(message, ["a.b", "a.b: is somewhere"]) == "a.b"
    assert topic_of(message, ["a", "a.c"]) is None
    with pytest.raises(ValueError, match="the file is not there"):
        topic_of(message, ["a.b: file", "a.b: is not"])


def test_the_messages_are_those_of_the_code() -> None:
    """Raised with a formatted text, made by a helper, returned by a function, written in SQL."""
    texts = {message.text for message in all_messages()}
    assert f"the server has no role {VALUE}: sql/roles.sql makes it" in texts
    assert "the store does not let us read it (403)" in texts
    assert "text in UTF-16: save it as UTF-8" in texts
    assert (
        f"{VALUE} of {VALUE} records break a reject rule, more than the share of {VALUE} allowed"
        in (texts)
    )


def on_the_page(output: str) -> bool:
    """Whether a message of the page, with any values in it, is in an output."""
    told = " ".join(output.split()).lower()
    # A message is a list's item or a table's cell; of a quoted one, the backticks are doubled.
    messages = re.findall(r"`` (.+?) ``|`([^`]+)`", PAGE)
    for text in (doubled or plain for doubled, plain in messages):
        pieces = [re.escape(piece.lower()) for piece in text.split(VALUE)]
        if len(text) > 15 and re.search(".+?".join(pieces), told):
            return True
    return False


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (["status"], {"COINGECKO_PLAN": "pro"}),
        (["status"], {"DB_HOST": "127.0.0.1"}),
        (["status"], {"DATABASE_URL": "postgresql://someone"}),
        (["backfill", "--from", "2026-01-02", "--to", "2026-01-01"], {}),
        (["service", "daemon"], {}),
        (["status"], {"DATABASE_URL": f"postgresql://me:secret@127.0.0.1:{free_port()}/none"}),
        (["sandbox", "--recordings", "/dev/null"], {}),
    ],
)
@pytest.mark.long
def test_what_the_command_line_says_is_on_the_page(
    words: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    done = crypto_pipeline(*words, DATA_DIR=str(tmp_path), **environment)
    assert done.returncode in (1, 2)
    assert on_the_page(done.stderr), done.stderr
