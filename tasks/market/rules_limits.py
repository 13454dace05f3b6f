"""Daily price limits over a whole grid of dates and symbols, from the dated rule book.

Prices are raw (unadjusted). Arithmetic is in whole cents, because a limit is the reference price
times a whole percentage, rounded half up, and binary fractions round some of them the wrong way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tasks.market import calendar, limit_kernel
from tasks.market.rule import LISTING, Status
from tasks.market.rules import RuleBook, a_share_rules, inside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Days = NDArray[np.datetime64]

#: terms of corporate actions, known on the ex-day; a share each: CNY paid, new shares, shares
#: offered, CNY asked for one of them
ACTION_FIELDS = ("cash_dividend", "bonus_shares", "rights_shares", "rights_price")
#: statuses in the order of their numbers in the kernel
_STATUSES: tuple[Status, ...] = ("normal", "st", "delisting")
#: calendar days that the sessions of a new listing's window never span, holidays included
_LONGEST_WINDOW = np.timedelta64(45, "D")


class Bars(Protocol):
    """What limits need of a panel: raw prices, NaN where nothing traded."""

    @property
    def dates(self) -> Days:
        """Sessions, (T,)."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """Such as `600519.SH`, N of them."""

    def __getitem__(self, name: str) -> Array: ...

    def __contains__(self, name: object) -> bool: ...


def limits(
    bars: Bars, book: RuleBook | None = None, listed_on: Mapping[str, str] | None = None
) -> tuple[Array, Array]:
    """Highest and lowest allowed price of each cell, CNY, both (T, N).

    The reference is the one of `reference_prices`.

    Args:
        bars: raw prices `close`. Used if present: `preclose`, the fields of corporate actions,
            `factor`; and as flags `is_st`, `in_delisting` (the delisting period) and `no_limit`
            (the exchange's notice lifts the limit: relisting, share-structure reform).
        book: the rule book; the A-share market's by default.
        listed_on: symbol to the ISO date of its listing; sessions between it and the panel count
            as traded. Where it is not given, a first bar after the panel's first row counts as the
            listing.

    Returns:
        `up` and `down`: infinite and zero where no limit holds (indices, the first sessions after
        a listing), NaN where the reference is unknown.
    """
    rules = book or a_share_rules()
    close = np.ascontiguousarray(bars["close"])
    up, down = np.empty(close.shape), np.empty(close.shape)
    board = np.array([board_row(rules, symbol) for symbol in bars.symbols], dtype=np.int64)
    percent, free = ruled_percent(rules, bars.dates), _free_in_delisting(rules, bars.dates)
    limit_kernel.limit_prices(
        reference_prices(bars), close, _status(bars), board, percent, free,
        *_listings(bars, rules, listed_on or {}), up, down,
    )  # fmt: skip
    return up, down


def reference_prices(bars: Bars) -> Array:
    """Price from which a day's move is measured, CNY to the cent, (T, N); NaN before the first.

    `preclose` where the panel has it, else the last close, carried over suspensions and made
    ex-right: by the terms of the actions where the panel has them, else by the growth of `factor`.
    """
    out = np.empty(bars["close"].shape)
    limit_kernel.references(
        *(field_or_none(bars, name) for name in ("close", "factor")), *action_terms(bars),
        field_or_none(bars, "preclose"), out,
    )  # fmt: skip
    return out


def action_terms(bars: Bars) -> tuple[Array, Array, Array, Array]:
    """The fields of `ACTION_FIELDS`, each (T, N); without rows if the panel has none of them.

    The price of rights is NaN where the panel has none; the other terms are zero then.
    Beside a `factor`, dividends and new shares must both be there: else the terms would miss what
    the factor knows, and are left out.
    """
    shape = bars["close"].shape
    have = [name in bars for name in ACTION_FIELDS[:3]]
    if not (all(have[:2]) if "factor" in bars else any(have)):
        shape = (0, 0)
    given = [
        np.ascontiguousarray(bars[n]) if n in bars and shape[0] else None for n in ACTION_FIELDS
    ]
    # zeros that nobody writes to take no time, and prices are read only where rights are offered
    cash, bonus, rights = (np.zeros(shape) if values is None else values for values in given[:3])
    price = given[3]
    if price is None:
        price = np.full(shape, np.nan) if have[2] else np.zeros(shape)
    return cash, bonus, rights, price


def field_or_none(bars: Bars, name: str) -> Array:
    """A field for a kernel; an array without rows where the panel does not have it."""
    return np.ascontiguousarray(bars[name]) if name in bars else np.empty((0, 0))


def beyond(bars: Bars, book: RuleBook | None = None) -> Flags:
    """Cells whose close lies outside the day's limits, (T, N): corporate actions or bad data."""
    up, down = limits(bars, book)
    close = bars["close"]
    with np.errstate(invalid="ignore"):
        return np.asarray((close > up + 1e-6) | (close < down - 1e-6))


def board_row(rules: RuleBook, symbol: str) -> int:
    """Row of the symbol's board in `ruled_percent`; -1 where it has no rules."""
    board = rules.place(symbol)[0]
    return rules.boards.index(board) if board in rules.boards else -1


def _status(bars: Bars) -> NDArray[np.int8]:
    """Number of each cell's status, (T, N); without rows if all are normal."""
    out = np.zeros((0, 0), dtype=np.int8)
    for number, name in ((1, "is_st"), (2, "in_delisting"), (3, "no_limit")):
        if name in bars:
            out = out if len(out) else np.zeros(bars["close"].shape, dtype=np.int8)
            out[bars[name] > 0.0] = number
    return out


def ruled_percent(rules: RuleBook, dates: Days) -> Array:
    """Limit in whole percent by status (normal, ST, delisting), board and day, (3, B, T).

    Boards stand in the order of `rules.boards`; infinite where no limit was in force. A status that
    has no row on a day is ruled by the normal one, as in `RuleBook.ruling`. The windows of new
    listings are left out, as they are a stock's own: see `listing_window`.
    """
    percent = np.full((len(_STATUSES), len(rules.boards), len(dates)), np.inf)
    limiting = [rule for rule in rules.rows if rule.topic == "price_limit"]
    for number, status in enumerate(_STATUSES):
        percent[number] = percent[0]
        for rule in limiting:
            if rule.status == status:
                for board in rule.boards:
                    row = rules.boards.index(board)
                    percent[number, row, inside(rule, dates)] = round(rule.value * 100)
    return percent


def _free_in_delisting(rules: RuleBook, dates: Days) -> Array:
    """Sessions without a limit at the start of a delisting period, by board and day, (B, T)."""
    free = np.zeros((len(rules.boards), len(dates)))
    for rule in rules.rows:
        if rule.topic == "free_sessions" and rule.status == "delisting":
            for board in rule.boards:
                free[rules.boards.index(board), inside(rule, dates)] = rule.value
    return free


def _listings(
    bars: Bars, rules: RuleBook, listed_on: Mapping[str, str]
) -> tuple[NDArray[np.int64], Array, Array]:
    """What the panel sees of listings.

    Returns:
        The row from which each counts, -1 if its window was over before, (N,); sessions since it
        before the panel, (N,); and its windows, (3, N).
    """
    traded = ~np.isnan(bars["close"])
    first_bar = traded.argmax(axis=0)
    rows = np.full(len(bars.symbols), -1, dtype=np.int64)
    age, windows = np.zeros(len(rows)), np.zeros((3, len(rows)))
    for n, symbol in enumerate(bars.symbols):
        listed = listed_on.get(symbol) or (str(bars.dates[first_bar[n]]) if first_bar[n] else "")
        # without a day: before the panel starts, as far as one can see
        if not listed or np.datetime64(listed) < bars.dates[0] - _LONGEST_WINDOW:
            continue
        windows[:, n] = listing_window(rules, symbol, listed)
        age[n] = _sessions_before(bars.dates[0], listed) if windows[0, n] else 0.0
        if age[n] < windows[0, n]:
            rows[n] = int(np.searchsorted(bars.dates, np.datetime64(listed)))
    return rows, age, windows


def _sessions_before(day: np.datetime64, listed: str) -> float:
    """Sessions from a listing to the day before a day; the calendar loads only where it must."""
    if np.datetime64(listed) >= day:
        return 0.0
    start = max(np.datetime64(listed), np.datetime64(calendar.FIRST))
    return float(len(calendar.sessions(start, day - np.timedelta64(1, "D"))))


def listing_window(rules: RuleBook, symbol: str, listed: str) -> tuple[float, float, float]:
    """What was special about a stock's first days, by the day of its listing.

    Returns:
        Sessions without a limit, and the first day's largest rise and fall from the issue price in
        whole percent; 0 where there is no such rule.
    """
    free, rise, fall = (
        0.0 if rule is None else rule.value
        for rule in (rules.find(topic, *rules.place(symbol), "normal", listed) for topic in LISTING)
    )
    return free, float(round(100 * rise)), float(round(100 * fall))


def day_limits(
    symbol: str,
    reference: float,
    day: str,
    *,
    status: Status = "normal",
    listed: str = "",
    book: RuleBook | None = None,
) -> tuple[float, float]:
    """Highest and lowest allowed price of one symbol on one day, CNY.

    Args:
        symbol: such as `600519.SH`.
        reference: the ex-right price of the last close, CNY; on the day of the listing the issue
            price. NaN where it is unknown.
        day: ISO date.
        status: `normal`, `st` or `delisting`.
        listed: ISO date of the listing; empty for an old stock. Suspended sessions since then
            count as traded.
        book: the rule book; the A-share market's by default.

    Returns:
        Infinity and zero where no limit holds: indices, the first sessions of a listing, days
        before the board's first rule; NaN where a limit holds and the reference is unknown.
    """
    rules = book or a_share_rules()
    row = board_row(rules, symbol)
    if row < 0:
        return np.inf, 0.0
    days = np.array([day], dtype="datetime64[D]")
    rise = fall = float(ruled_percent(rules, days)[_STATUSES.index(status), row, 0])
    if listed:
        free, up, down = listing_window(rules, symbol, listed)
        age = len(calendar.sessions(listed, day)) - 1
        if age < free:
            rise, fall = (up, down) if age == 0 and up > 0.0 else (np.inf, np.inf)
    if rise == np.inf:
        return np.inf, 0.0
    if not reference > 0.0:
        return np.nan, np.nan
    cents = float(np.rint(reference * 100.0))
    highest, lowest = (
        float(limit_kernel.limit_cents(cents, percent, sign)) / 100.0
        for percent, sign in ((rise, 1.0), (fall, -1.0))
    )
    return highest, lowest
