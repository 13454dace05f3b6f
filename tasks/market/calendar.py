"""Sessions of the mainland exchanges: exchange-calendars' XSHG plus our corrections.

Shanghai, Shenzhen and Beijing trade on the same days. Days are ISO strings, dates or
`datetime64`; moments carry a time zone. A day beyond the published holidays is an error and never
a guess: a wrong session date would name a wrong night.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from tasks.errors import UserError
from tasks.market import calendar_overrides

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Days = NDArray[np.datetime64]

Day = str | date | np.datetime64

EXCHANGE_ZONE = ZoneInfo("Asia/Shanghai")
#: end of the closing call auction
CLOSE = time(15, 0)
#: first day whose sessions are known
FIRST = "1991-01-02"
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def sessions(start: Day, end: Day) -> Days:
    """Sessions from `start` to `end`, both included, `datetime64[D]` ascending.

    Raises:
        UserError: the range reaches beyond the days whose sessions are known.
    """
    first, last = _day(start), _day(end)
    known = _known(first, last)
    return known[np.searchsorted(known, first) : np.searchsorted(known, last, side="right")]


def is_session(day: Day) -> bool:
    """Whether the exchanges trade on a day."""
    return len(sessions(day, day)) == 1


def last_closed_session(when: datetime) -> str:
    """ISO date of the last session whose close (15:00 exchange time) is not after `when`.

    Args:
        when: a moment with a time zone; it is converted to exchange time.
    """
    if when.tzinfo is None:
        raise UserError(
            f"the moment {when.isoformat()} has no time zone, so its session is unknown: "
            "give it with one, such as 2026-11-20T18:05+08:00"
        )
    local = when.astimezone(EXCHANGE_ZONE)
    limit = np.datetime64(local.date(), "D")
    if local.time() < CLOSE:
        limit -= np.timedelta64(1, "D")
    known = _known(limit, limit)
    return str(known[np.searchsorted(known, limit, side="right") - 1])


def next_session(day: Day) -> str:
    """ISO date of the first session after a day, itself a session or not."""
    first = _day(day) + np.timedelta64(1, "D")
    known = _known(first, first)
    position = int(np.searchsorted(known, first))
    if position == len(known):
        raise _unknown(first)
    return str(known[position])


def previous_session(day: Day, count: int = 1) -> str:
    """ISO date of the `count`-th session before a day, itself a session or not."""
    before = _day(day)
    known = _known(before, before)
    position = int(np.searchsorted(known, before)) - count
    if position < 0:
        raise _unknown(before)
    return str(known[position])


def known_until() -> str:
    """ISO date of the last day whose sessions are known."""
    return str(_calendar()[1])


def extend(known: Days, holidays: Mapping[int, Sequence[str]]) -> tuple[Days, np.datetime64]:
    """Known sessions with the years that follow without a gap, and the last known day."""
    year = int(str(known[-1])[:4]) + 1
    until = np.datetime64(f"{year}-01-01", "D") - np.timedelta64(1, "D")
    while year in holidays:
        days = np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]")
        closed = np.array(holidays[year], dtype="datetime64[D]")
        known = np.concatenate([known, days[np.is_busday(days) & ~np.isin(days, closed)]])
        until = days[-1]
        year += 1
    return known, until


@functools.cache
def _calendar() -> tuple[Days, np.datetime64]:
    """All known sessions and the last known day. The import takes seconds, hence late and once."""
    from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar

    end = XSHGExchangeCalendar.bound_max()
    table = XSHGExchangeCalendar(start=FIRST, end=end).sessions.to_numpy()
    days = table.astype("datetime64[D]")
    added = np.array(calendar_overrides.EXTRA_OPEN, dtype="datetime64[D]")
    removed = np.array(calendar_overrides.EXTRA_CLOSED, dtype="datetime64[D]")
    days = np.setdiff1d(np.union1d(days, added), removed)
    return extend(days, calendar_overrides.HOLIDAYS)


def _known(first: np.datetime64, last: np.datetime64) -> Days:
    """All known sessions, after a check that a range lies inside the known days."""
    days, until = _calendar()
    if last > until:
        raise _unknown(last)
    if first < days[0]:
        raise _unknown(first)
    return days


def _unknown(day: np.datetime64) -> UserError:
    days, until = _calendar()
    return UserError(
        f"the exchange calendar does not know {day} (it covers {days[0]} to {until}): choose a day "
        "inside, or add the published holidays to tasks/market/calendar_overrides.py or upgrade "
        "exchange-calendars"
    )


def _day(day: Day) -> np.datetime64:
    """A day as `datetime64[D]`; words such as `today` would read the clock and are refused."""
    if isinstance(day, str) and not _ISO.fullmatch(day.strip()):
        raise _no_date(day)
    try:
        value = np.asarray(day, dtype="datetime64[D]")[()]
    except ValueError:
        raise _no_date(day) from None
    if not isinstance(value, np.datetime64) or np.isnat(value):
        raise _no_date(day)
    return value


def _no_date(day: object) -> UserError:
    return UserError(f"{str(day)[:40]!r} is no date: write it as 2026-11-20")
