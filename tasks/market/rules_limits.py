"""Daily price limits over a whole grid of dates and symbols, from the dated rule book.

Prices are raw (unadjusted). Arithmetic is in whole cents, because a limit is the reference price
times a whole percentage, rounded half up, and binary fractions round some of them the wrong way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tasks.market.rules import TRADED_BOARDS, RuleBook, a_share_rules
from tasks.market.rules_rows import Status, Topic
from tasks.market.symbols import Board, board, exchange

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Days = NDArray[np.datetime64]


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

    The reference is `preclose` where the panel has it, else the last close, carried over
    suspensions and divided by the growth of `factor` since (its ex-right value), to the cent.

    Args:
        bars: raw prices `close`; `preclose`, `factor` and `is_st` are used if present.
        book: the rule book; the A-share market's by default.
        listed_on: symbol to the ISO date of its listing. Where it is not given, a first bar after
            the panel's first row counts as the listing.

    Returns:
        `up` and `down`: infinite and zero where no limit holds (indices, the first sessions after
        a listing), NaN where the reference is unknown.
    """
    rules = book or a_share_rules()
    reference = reference_prices(bars)
    special = np.nan_to_num(bars["is_st"]) > 0.0 if "is_st" in bars else None
    up, down = np.full(reference.shape, np.inf), np.zeros(reference.shape)
    boards = np.array([board(s) for s in bars.symbols])
    for name in TRADED_BOARDS:
        columns = np.flatnonzero(boards == name)
        if len(columns):
            flags = None if special is None else special[:, columns]
            percent = _percent(rules, name, bars.dates, flags, len(columns))
            up[:, columns], down[:, columns] = _band(reference[:, columns], percent, percent)
    _release_new_listings(bars, rules, listed_on or {}, reference, up, down)
    return up, down


def reference_prices(bars: Bars) -> Array:
    """Price from which a day's move is measured, CNY to the cent, (T, N); NaN before the first."""
    close = bars["close"]
    carried = _carry(close)
    before = np.vstack([np.full((1, close.shape[1]), np.nan), carried[:-1]])
    if "factor" in bars:
        factor = _carry(bars["factor"])
        earlier = np.vstack([factor[:1], factor[:-1]])
        growth = factor / earlier
        before = before / np.where(np.isfinite(growth), growth, 1.0)
    if "preclose" in bars:
        given = bars["preclose"]
        before = np.where(np.isfinite(given) & (given > 0.0), given, before)
    return np.floor(before * 100.0 + 0.5 + 1e-7) / 100.0


def beyond(bars: Bars, book: RuleBook | None = None) -> Flags:
    """Cells whose close lies outside the day's limits, (T, N): corporate actions or bad data."""
    up, down = limits(bars, book)
    close = bars["close"]
    with np.errstate(invalid="ignore"):
        return np.asarray((close > up + 1e-6) | (close < down - 1e-6))


def _carry(values: Array) -> Array:
    """Each column's last known value on every row; NaN before the first."""
    row = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    np.maximum.accumulate(row, axis=0, out=row)
    return np.take_along_axis(values, row, axis=0)


def _band(reference: Array, up_percent: Array, down_percent: Array) -> tuple[Array, Array]:
    """Reference plus and minus whole percentages, rounded half up to the cent, at least one."""
    known = np.isfinite(reference)
    cents = np.where(known, np.rint(reference * 100.0), 0.0).astype(np.int64)
    limited = np.isfinite(up_percent)
    rise = np.where(limited, up_percent, 0.0).astype(np.int64)
    fall = np.where(np.isfinite(down_percent), down_percent, 0.0).astype(np.int64)
    highest = np.maximum((cents * (100 + rise) + 50) // 100, cents + 1)
    lowest = np.minimum((cents * (100 - fall) + 50) // 100, cents - 1)
    up = np.where(limited, highest / 100.0, np.inf)
    down = np.where(limited, lowest / 100.0, 0.0)
    return np.where(known | ~limited, up, np.nan), np.where(known | ~limited, down, np.nan)


def _percent(rules: RuleBook, name: Board, dates: Days, special: Flags | None, count: int) -> Array:
    """Limit in whole percent, (T, count); infinite on days without a rule."""
    normal = _by_day(rules, name, dates, "normal")[:, None]
    if special is None:
        return np.broadcast_to(normal, (len(dates), count))
    return np.where(special, _by_day(rules, name, dates, "st")[:, None], normal)


def _by_day(rules: RuleBook, name: Board, dates: Days, status: Status) -> Array:
    out = np.full(len(dates), np.inf)
    for rule in rules.rows:
        if rule.topic == "price_limit" and name in rule.boards and rule.status == status:
            inside = dates >= np.datetime64(rule.start)
            if rule.end:
                inside &= dates <= np.datetime64(rule.end)
            out[inside] = round(rule.value * 100)
    return out


def _release_new_listings(
    bars: Bars,
    rules: RuleBook,
    listed_on: Mapping[str, str],
    reference: Array,
    up: Array,
    down: Array,
) -> None:
    """Lift the limits of the first sessions, or set those of the first day, in place."""
    traded = ~np.isnan(bars["close"])
    first_bar = traded.argmax(axis=0)
    for n, symbol in enumerate(bars.symbols):
        listed = listed_on.get(symbol) or (str(bars.dates[first_bar[n]]) if first_bar[n] else "")
        # without a day: listed before the panel starts, as far as one can see
        if board(symbol) not in TRADED_BOARDS or not listed or listed < str(bars.dates[0]):
            continue
        start = int(np.searchsorted(bars.dates, np.datetime64(listed)))
        days = np.flatnonzero(traded[start:, n]) + start
        free = days[: int(_listing_rule(rules, "free_sessions", symbol, listed))]
        up[free, n], down[free, n] = np.inf, 0.0
        _first_day(rules, symbol, listed, days[:1], reference[:, n], up[:, n], down[:, n])


def _first_day(
    rules: RuleBook, symbol: str, listed: str, day: NDArray[np.int64], reference: Array,
    up: Array, down: Array,
) -> None:  # fmt: skip
    """Limits against the issue price, where there were any and the price is known."""
    rise = _listing_rule(rules, "first_day_up", symbol, listed)
    fall = _listing_rule(rules, "first_day_down", symbol, listed)
    if len(day) and rise and np.isfinite(reference[day[0]]):
        band = _band(reference[day], np.array([round(rise * 100)]), np.array([round(fall * 100)]))
        up[day], down[day] = band


def _listing_rule(rules: RuleBook, topic: Topic, symbol: str, listed: str) -> float:
    rule = rules.find(topic, board(symbol), exchange(symbol), "normal", listed)
    return 0.0 if rule is None else rule.value
