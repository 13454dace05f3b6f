"""The rules of the quality gate, each one mask over all rows.

Rows stand sorted by symbol and date, so that a symbol's history is a run of rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from tasks.data.gate_limits import beyond_limits
from tasks.data.panel import PRICE_FIELDS
from tasks.market import calendar
from tasks.market.symbols import is_mainland

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.data.bars import Bars
    from tasks.data.config import GateConfig

    Flags = NDArray[np.bool_]
    Array = NDArray[np.float64]
    Numbers = NDArray[np.int64]

#: Rules in the order in which they are tried, with the sentence a report shows.
RULES = {
    "no_date": "the row has no date",
    "no_session": "the day is no exchange session",
    "contradiction": "several rows of one symbol and day differ",
    "price_missing": "a price is missing although shares were traded",
    "price_infinite": "a price is infinite",
    "price_not_positive": "a price is zero or negative",
    "high_below_low": "the highest price is below the lowest",
    "outside_range": "open or close lies outside the day's lowest and highest price",
    "volume_missing": "the volume is missing although prices moved",
    "volume_invalid": "the volume is negative or infinite",
    "volume_zero": "no volume although prices moved",
    "amount_invalid": "the amount is negative or infinite",
    "factor_invalid": "the adjustment factor is missing, infinite, zero or negative",
    "beyond_limit": "the close lies beyond the day's price limit",
    "symbol_unreliable": "too much of the symbol's recent history is bad",
    "deadly": "computing on the symbol kills the process that does it",
}
#: rules that suspended rows are tested against too
RULES_OF_EVERY_ROW = ("no_date", "no_session", "contradiction", "symbol_unreliable")
#: what a missing date becomes as an integer
_NO_DAY = np.iinfo(np.int64).min
_UNRELIABLE = list(RULES).index("symbol_unreliable")
#: number of the rule that no row breaks by itself: who computes on the symbol finds it out
DEADLY = list(RULES).index("deadly")


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows in order of symbol and date, and what is known of each, shape (R,).

    Attributes:
        frame: one row per symbol and date.
        versions: how many different rows there were for the symbol and date.
        day: days since 1970, the smallest integer where the date is missing.
        suspended: nothing was traded, and that is no fault.
        exempt: rows of indices, whose volume often is not delivered.
        session: whether the day is an exchange session, or need not be one.
        factors: whether a factor is required.
    """

    frame: pd.DataFrame
    versions: Numbers
    day: Numbers
    suspended: Flags
    exempt: Flags
    session: Flags
    factors: bool

    @classmethod
    def of(cls, ordered: tuple[pd.DataFrame, Numbers], bars: Bars, config: GateConfig) -> Rows:
        """Look at each row once."""
        frame, versions = ordered
        day = _days(frame)
        exempt = _by_symbol(frame, lambda symbol: symbol in bars.benchmarks)
        bound = _by_symbol(frame, is_mainland)
        free = np.full(len(frame), config.calendar == "none")
        return cls(
            frame=frame,
            versions=versions,
            day=day,
            suspended=_suspended(frame, exempt),
            exempt=exempt,
            session=free | ~bound | _in_session(day, bound & ~free),
            factors=bars.adjustment == "raw",
        )


def once(frame: pd.DataFrame) -> tuple[tuple[pd.DataFrame, Numbers], int]:
    """Sort by symbol and date and keep one row of each.

    Returns:
        The rows with the number of different versions of each, and how many rows were repeated
        exactly.
    """
    import pandas as pd

    names = frame["symbol"].astype("category").cat
    categories = names.categories.astype(str)
    ranked = np.argsort(np.argsort(categories.to_numpy(dtype=object)))
    code = ranked[names.codes.to_numpy()].astype(np.int64)
    day = _days(frame)
    order = np.lexsort((day, code))
    if not np.array_equal(order, np.arange(len(order))):
        frame, code, day = frame.iloc[order], code[order], day[order]
    frame = frame.reset_index(drop=True)
    frame["symbol"] = pd.Categorical.from_codes(code, categories=pd.Index(sorted(categories)))
    again = np.zeros(len(frame), dtype=bool)
    again[1:] = (code[1:] == code[:-1]) & (day[1:] == day[:-1])
    if not again.any():
        return (frame, np.ones(len(frame), dtype=np.int64)), 0
    return _merged(frame, again)


def _merged(frame: pd.DataFrame, again: Flags) -> tuple[tuple[pd.DataFrame, Numbers], int]:
    """One row of each group of rows that share symbol and date."""
    group = np.cumsum(~again) - 1
    shared = again.copy()
    shared[:-1] |= again[1:]
    doubles = frame[shared].assign(group=group[shared])
    equal = doubles.duplicated().to_numpy()
    versions = np.bincount(group, minlength=int(group[-1]) + 1)
    np.subtract.at(versions, group[shared][equal], 1)
    return (frame[~again].reset_index(drop=True), versions), int(equal.sum())


def verdicts(rows: Rows, config: GateConfig) -> tuple[NDArray[np.int8], Array]:
    """Number in `RULES` of the first rule each row breaks (-1: none), and the value at fault."""
    rule = np.full(len(rows.frame), -1, dtype=np.int8)
    value = np.full(len(rows.frame), np.nan)
    for name, broken, at_fault in _tests(rows, config):
        _set(rule, value, name, broken, at_fault)
    if rows.factors:
        good = (rule < 0) & ~rows.suspended
        broken, move = beyond_limits(
            rows.frame, rows.day, good, config.limit_tolerance,
            exchange=config.calendar == "exchange",
        )  # fmt: skip
        _set(rule, value, "beyond_limit", broken, move)
    share = _bad_share(rows, rule >= 0, config)
    lost = (share > config.max_bad_share) & (rule < 0)
    rule[lost], value[lost] = _UNRELIABLE, share[lost]
    return rule, value


def _set(rule: NDArray[np.int8], value: Array, name: str, broken: Flags, at_fault: Array) -> None:
    """Note a rule where no earlier one was broken."""
    fresh = np.flatnonzero(broken & (rule < 0))
    rule[fresh] = list(RULES).index(name)
    value[fresh] = at_fault[fresh]


def _tests(rows: Rows, config: GateConfig) -> Iterator[tuple[str, Flags, Array]]:
    """Name, broken rows and the value to show for each rule, in the order of `RULES`."""
    frame, traded = rows.frame, ~rows.suspended
    nothing = np.full(len(frame), np.nan)
    prices = {name: frame[name].to_numpy() for name in PRICE_FIELDS}
    low, high, volume = prices["low"], prices["high"], frame["volume"].to_numpy()
    ends = np.fmin(prices["open"], prices["close"]), np.fmax(prices["open"], prices["close"])
    # All four prices count: a row may have its extremes in the wrong columns.
    lowest = np.fmin(ends[0], np.fmin(low, high))
    highest = np.fmax(ends[1], np.fmax(low, high))
    with np.errstate(invalid="ignore"):  # infinite prices: another rule's verdict comes first
        slack = config.range_tolerance * np.abs(prices["close"])
        outside = np.fmax(low - ends[0], ends[1] - high)
        width = high - low
    counted = traded & ~rows.exempt
    yield "no_date", rows.day == _NO_DAY, nothing
    yield "no_session", ~rows.session, nothing
    yield "contradiction", rows.versions > 1, rows.versions.astype(np.float64)
    missing = np.any([np.isnan(p) for p in prices.values()], axis=0)
    yield "price_missing", traded & missing, volume
    yield "price_infinite", traded & (np.isinf(lowest) | np.isinf(highest)), highest
    yield "price_not_positive", traded & (lowest <= 0), lowest
    yield "high_below_low", traded & (high < low), width
    yield "outside_range", traded & (outside > slack), outside
    yield "volume_missing", counted & np.isnan(volume), volume
    yield "volume_invalid", traded & ((volume < 0) | np.isinf(volume)), volume
    yield "volume_zero", counted & (volume == 0), width
    if "amount" in frame:
        amount = frame["amount"].to_numpy()
        yield "amount_invalid", traded & ((amount < 0) | np.isinf(amount)), amount
    if rows.factors:
        factor = frame["factor"].to_numpy()
        yield "factor_invalid", counted & ~((factor > 0) & np.isfinite(factor)), factor


def _bad_share(rows: Rows, bad: Flags, config: GateConfig) -> Array:
    """Share of bad rows among a symbol's last `window` rows; 0 where too few are bad. (R,)."""
    count = len(bad)
    if not bad.any():
        return np.zeros(count)
    code = rows.frame["symbol"].cat.codes.to_numpy()
    position = np.arange(count)
    starts = np.zeros(count, dtype=np.int64)
    change = np.flatnonzero(code[1:] != code[:-1]) + 1
    starts[change] = change
    first = np.maximum(np.maximum.accumulate(starts), position - config.window + 1)
    # A row without a date belongs to no day, so it counts against none.
    total = np.concatenate([[0], np.cumsum(bad & (rows.day != _NO_DAY))])
    number = total[1:] - total[first]
    share = number / (position - first + 1)
    return np.where(number >= config.min_bad_rows, share, 0.0)


def _suspended(frame: pd.DataFrame, exempt: Flags) -> Flags:
    """No volume, and prices that are absent or only repeat the close. (R,).

    Some vendors write 0 for open, high and low of such a day.
    """
    volume = frame["volume"].to_numpy()
    idle = np.isnan(volume) | (volume == 0)
    close = frame["close"].to_numpy()
    absent, flat = np.isnan(close), np.ones(len(frame), dtype=bool)
    for name in ("open", "high", "low"):
        price = frame[name].to_numpy()
        empty = np.isnan(price)
        absent = absent & empty
        flat &= empty | (price == close) | (price == 0)
    repeats = flat & (close > 0) & np.isfinite(close) & ~exempt
    suspended: Flags = idle & (absent | repeats)
    return suspended


def _days(frame: pd.DataFrame) -> Numbers:
    return frame["date"].to_numpy().astype("datetime64[D]").astype(np.int64)


def _in_session(day: Numbers, bound: Flags) -> Flags:
    """Whether each bound row's day is a session; days before the calendar's first are let pass."""
    good = np.ones(len(day), dtype=bool)
    asked = np.flatnonzero(bound & (day >= int(np.datetime64(calendar.FIRST).astype(np.int64))))
    if not len(asked):
        return good
    days = day[asked]
    first, last = days.min(), days.max()
    open_days = np.zeros(last - first + 1, dtype=bool)
    known = calendar.sessions(np.datetime64(int(first), "D"), np.datetime64(int(last), "D"))
    open_days[known.astype(np.int64) - first] = True
    good[asked] = open_days[days - first]
    return good


def _by_symbol(frame: pd.DataFrame, test: Callable[[str], bool]) -> Flags:
    """A test on symbols, spread over the rows. (R,)."""
    names = frame["symbol"].cat
    flags: Flags = np.array([test(str(s)) for s in names.categories], dtype=bool)
    return flags[names.codes.to_numpy()]
