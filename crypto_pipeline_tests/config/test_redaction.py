"""Secrets in texts, log lines and errors."""

import logging

import pytest

from crypto_pipeline.config.redaction import redact, redacted, remember


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        ("hunter22", "login hunter22 failed", "login <secret> failed"),
        ("hunter22", "hunter22hunter2", "<secret>hunter2"),
        ("a b/c@d", "password=a%20b%2Fc%40d", "password=<secret>"),
        ('say "it"', '{"password": "say \\"it\\""}', '{"password": "<secret>"}'),
        ("a.c*", "abcc a.c*", "abcc <secret>"),
        ("postgresql://u:hunter22@h/d", "hunter22 at h/d as u", "<secret> at h/d as u"),
        ("postgresql://u:hun%40ter22@h/d", "hun@ter22", "<secret>"),
        ("postgresql://u:hunter@thing@h/d", "host 'thing@h'", "host '<secret>@h'"),
        ("postgresql://u@h/database", "database u h", "database u h"),
        ("https://h/services/T0123/B0123456789ABC", "B0123456789ABC", "<secret>"),
        ("https://h/services?token=0123456789AB", "services 0123456789AB", "services <secret>"),
        # Too short to be looked for.
        ("abc", "abcabc", "abcabc"),
        ("", "text", "text"),
    ],
)
def test_a_secret_is_taken_out_in_each_form_it_is_written_in(
    secret: str, text: str, shown: str
) -> None:
    assert redact(text) == text
    remember(secret)
    assert redact(text) == shown


def test_of_two_secrets_the_longer_goes_first() -> None:
    remember("hunter")
    remember("hunter22")
    assert redact("hunter22 hunter") == "<secret> <secret>"


def test_log_lines_and_their_errors_are_cleaned(caplog: pytest.LogCaptureFixture) -> None:
    remember("hunter22")
    logger = logging.getLogger("somebody.else")
    secret = "hunter" + "22"
    try:
        raise ValueError(secret)
    except ValueError:
        logger.exception("login %s, %s", secret, {"password": secret})
    logger.warning("100 %% of hunter22")
    logger.warning("%d is left as it is", 7)
    assert "hunter22" not in caplog.text
    assert "login <secret>, {'password': '<secret>'}" in caplog.text
    assert "ValueError: <secret>" in caplog.text
    assert caplog.messages[-1] == "7 is left as it is"
    assert caplog.records[-1].args == (7,)


def test_a_log_line_of_a_wrong_format_stops_nobody_and_tells_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    remember("hunter22")
    logging.getLogger("somebody.else").warning("%d", "hunter22")
    assert "hunter22" not in caplog.text
    assert caplog.messages == ["%d ('<secret>',)"]


def test_an_error_keeps_its_class_and_the_errors_behind_it_are_cleaned() -> None:
    remember("hunter22")
    with pytest.raises(LookupError) as caught, redacted():
        try:
            raise OSError(13, "no hunter22")
        except OSError as error:
            raise LookupError("hunter22", 22) from error
    assert caught.value.args == ("<secret>", 22)
    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.args == (13, "no <secret>")


def test_an_error_whose_text_is_not_in_its_arguments_is_replaced() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            return "hunter22"

    remember("hunter22")
    with pytest.raises(RuntimeError, match="^Odd: <secret>$") as caught, redacted():
        raise Odd
    assert caught.value.__suppress_context__


def test_an_error_without_a_secret_passes_as_it_is() -> None:
    remember("hunter22")
    error = ValueError("as it is", 1)
    with pytest.raises(ValueError, match="as it is") as caught, redacted():
        raise error
    assert caught.value is error
