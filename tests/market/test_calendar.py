import subprocess
import sys
from datetime import UTC, date, datetime

import numpy as np
import pytest

from tasks.errors import UserError
from tasks.market import calendar, calendar_overrides


def test_sessions_of_a_holiday_week():
    days = calendar.sessions("2024-09-27", date(2024, 10, 9))
    assert [str(d) for d in days] == ["2024-09-27", "2024-09-30", "2024-10-08", "2024-10-09"]
    assert days.dtype == np.dtype("datetime64[D]")


def test_number_of_sessions_since_2005():
    assert len(calendar.sessions("2005-01-04", "2021-09-30")) == 4071


def test_neighbours():
    assert calendar.next_session("2024-09-30") == "2024-10-08"
    assert calendar.next_session(np.datetime64("2024-10-05")) == "2024-10-08"
    assert calendar.previous_session("2024-10-08") == "2024-09-30"
    assert calendar.previous_session("2024-10-08", 2) == "2024-09-27"
    assert calendar.is_session("2024-09-30")
    assert not calendar.is_session("2024-10-01")


@pytest.mark.parametrize(
    ("moment", "session"),
    [("2026-11-20T15:00+08:00", "2026-11-20"), ("2026-11-20T14:59:59+08:00", "2026-11-19"),
     ("2026-11-22T01:00+08:00", "2026-11-20"), ("2026-11-20T07:00+00:00", "2026-11-20"),
     ("2026-11-20T06:59+00:00", "2026-11-19"), ("2026-11-20T23:00-05:00", "2026-11-20")],
)  # fmt: skip
def test_last_closed_session_is_counted_in_exchange_time(moment, session):
    assert calendar.last_closed_session(datetime.fromisoformat(moment)) == session


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(UserError, match="no time zone"):
        calendar.last_closed_session(datetime(2026, 11, 20, 18))  # noqa: DTZ001 - the fault


@pytest.mark.parametrize(
    "ask",
    [lambda: calendar.sessions("2026-12-01", "2027-01-04"),
     lambda: calendar.is_session("1980-01-01"),
     lambda: calendar.next_session("2026-12-31"),
     lambda: calendar.previous_session("1991-01-02"),
     lambda: calendar.last_closed_session(datetime(2030, 1, 1, tzinfo=UTC))],
)  # fmt: skip
def test_a_day_beyond_the_calendar_is_an_error_and_no_guess(ask):
    with pytest.raises(UserError, match=r"calendar does not know .*calendar_overrides"):
        ask()


@pytest.mark.parametrize("word", ["today", "now", "", "2026-13-01", "2026", "20261120", "NaT"])
def test_what_is_no_day(word):
    with pytest.raises(UserError, match="no date"):
        calendar.is_session(word)


def test_published_holidays_extend_the_calendar_year_by_year():
    known = np.array(["2026-12-30", "2026-12-31"], dtype="datetime64[D]")
    days, until = calendar.extend(known, {2027: ("2027-01-01", "2027-02-08"), 2029: ()})
    assert str(until) == "2027-12-31"
    assert "2027-01-04" in {str(d) for d in days}
    assert not {"2027-01-01", "2027-01-02", "2027-02-08"} & {str(d) for d in days}
    assert len(days) == 2 + 261 - 2


def test_corrections_open_and_close_single_days(monkeypatch):
    monkeypatch.setattr(calendar_overrides, "EXTRA_CLOSED", ("2024-09-30",))
    monkeypatch.setattr(calendar_overrides, "EXTRA_OPEN", ("2024-10-01",))
    calendar._calendar.cache_clear()
    try:
        days = [str(d) for d in calendar.sessions("2024-09-29", "2024-10-03")]
        assert days == ["2024-10-01"]
        assert calendar.known_until() == "2026-12-31"
    finally:
        calendar._calendar.cache_clear()


def test_importing_the_calendar_does_not_load_exchange_calendars():
    code = "import sys, tasks.market.calendar; print('exchange_calendars' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
