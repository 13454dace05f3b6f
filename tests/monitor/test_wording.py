import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import UserError
from tasks.monitor.alerts import Alert, AlertLevel, AlertType
from tasks.monitor.wording import clock, compose, duration, redact, shorten

SINCE = dt.datetime(2026, 11, 20, 13, 34, tzinfo=dt.UTC)


def test_reads_like_the_template():
    text = compose(
        "WARN",
        "Prices for 2026-11-20 are incomplete",
        "4,902 of 5,132 stocks (95.5 %)",
        since=SINCE,
        effect="night waits until 22:00",
        do="qilin doctor --data",
        link="http://127.0.0.1:4200/runs/1",
    )
    assert text.split("\n") == [
        "[WARN] Prices for 2026-11-20 are incomplete — 4,902 of 5,132 stocks (95.5 %)",
        "since: 2026-11-20 21:34 +08:00",
        "effect: night waits until 22:00",
        "do: qilin doctor --data",
        "link: http://127.0.0.1:4200/runs/1",
    ]


def test_a_size_that_does_not_fit_gets_its_own_line():
    text = compose("FAIL", "1 of 20 backtest blocks failed in the night of 2026-11-20", "x" * 40)
    assert text.split("\n")[0] == "[FAIL] 1 of 20 backtest blocks failed in the night of 2026-11-20"
    assert f"how bad: {'x' * 40}" in text


@given(st.text(), st.text(), st.text())
def test_first_line_is_short_and_parts_never_break_it(what, how_bad, effect):
    lines = compose("FAIL", what, how_bad, since=SINCE, effect=effect).split("\n")
    assert len(lines[0]) <= 80
    assert lines[0].startswith("[FAIL]")
    assert len(lines) <= 5


def test_a_long_problem_is_told_whole_below():
    what = "word " * 40
    assert f"what: {what.strip()}" in compose("FAIL", what)


def test_resolved_says_how_long():
    ended = SINCE + dt.timedelta(minutes=12, seconds=3)
    text = compose("RESOLVED", "Disk runs out", "no longer seen", since=SINCE, ended=ended)
    assert "until 2026-11-20 21:46 +08:00 (12 min 03 s)" in text


def test_times_carry_their_zone():
    assert clock(SINCE) == "2026-11-20 21:34 +08:00"
    with pytest.raises(UserError, match="no zone"):
        clock(dt.datetime(2026, 1, 1))  # noqa: DTZ001 - a naive time is what must be refused


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (723, "12 min 03 s"), (11100, "3 h 05 min")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_secrets_never_appear():
    environ = {
        "QILIN_ALERT_DINGTALK_TOKEN": "canary-1234567",
        "PREFECT_SERVER_API_AUTH_STRING": "user:canary-pass",
        "HOME": "/home/somebody-long",
        "X_TOKEN": "none",
    }
    text = "refused for canary-1234567 and user:canary-pass at /home/somebody-long, none left"
    clean = redact(text, environ)
    assert clean == "refused for *** and *** at /home/somebody-long, none left"


@given(st.text(min_size=1), st.integers(20, 60))
def test_shorten_keeps_the_byte_limit_and_whole_characters(text, limit):
    cut = shorten(text, limit)
    assert len(cut.encode()) <= limit or cut == text
    if cut != text:
        assert text.startswith(cut.removesuffix("\n… (cut)"))
        assert len(cut.encode()) <= limit


def test_levels_are_ordered_states():
    assert AlertLevel.INFO < AlertLevel.WARNING < AlertLevel.ERROR < AlertLevel.CRITICAL
    assert [level.state for level in AlertLevel] == ["PASS", "WARN", "FAIL", "FAIL"]


def test_an_alert_is_its_message():
    alert = Alert(AlertType.DATA, AlertLevel.ERROR, "Prices are missing", "3 stocks", since=SINCE)
    assert alert.message.startswith("[FAIL] Prices are missing — 3 stocks\nsince: 2026-11-20")
    assert alert.problem == "data::Prices are missing"
