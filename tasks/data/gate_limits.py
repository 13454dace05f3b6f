"""The gate's rule on price limits: closes of raw prices that no trade of the day can have made.

Only where the source says from which price a move is measured: by its previous close or by factors.
Suspensions, listings, relistings and delisting periods begin with sessions without a limit, and
sources rarely mark them, so a row is tested only if its stock traded in the session before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.market import calendar
from tasks.market.rules import RuleBook, a_share_rules
from tasks.market.rules_limits import board_row, listing_window, ruled_percent

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Array = NDArray[np.float64]
    Numbers = NDArray[np.int64]
    Codes = NDArray[np.integer]

#: CNY: the smallest price step, by which every limit may lie beyond its percentage
TICK = 0.01
_LATE = np.iinfo(np.int64).max


def beyond_limits(
    frame: pd.DataFrame, day: Numbers, good: Flags, tolerance: float, *, exchange: bool = True
) -> tuple[Flags, Array]:
    """Rows whose close lies beyond the day's price limit, and by how much each row moved.

    A row after one that is beyond has no good price to be measured from and is let pass, so that
    a lasting change of level costs one row.

    Args:
        frame: rows in order of symbol and date: `close`, `factor`, and where given `preclose`,
            `is_st`, `in_delisting`, `no_limit`.
        day: days since 1970, (R,).
        good: rows that traded and break no other rule, (R,).
        tolerance: how far a close may lie beyond its limit, as a fraction of the reference:
            vendors round factors.
        exchange: sessions are the exchange's; else the days that the rows know.

    Returns:
        Flags (R,), and the move from the reference as a fraction, NaN where none is tested, (R,).
    """
    kept = np.flatnonzero(good)
    rows, days = frame.iloc[kept], day[kept]
    code = rows["symbol"].cat.codes.to_numpy()
    at = 1 + np.flatnonzero((code[1:] == code[:-1]) & (np.diff(_session(days, exchange)) == 1))
    reference = _reference(rows, at)
    moved = rows["close"].to_numpy()[at] - reference
    beyond, move = np.zeros(len(day), dtype=bool), np.full(len(day), np.nan)
    slack = (_allowed(a_share_rules(), rows, code, days)[at] + tolerance) * reference + TICK
    found = np.zeros(len(kept), dtype=bool)
    found[at] = np.abs(moved) > slack
    beyond[kept], move[kept[at]] = _every_other(found), moved / reference
    return beyond, move


def _session(day: Numbers, exchange: bool) -> Numbers:
    """Number of each row's session, (R,); equal ones before the calendar's first."""
    known = np.unique(day)
    if exchange:
        known = known[known >= np.datetime64(calendar.FIRST).astype(np.int64)]
        if len(known):
            first, last = (np.datetime64(int(d), "D") for d in known[[0, -1]])
            known = calendar.sessions(first, last).astype(np.int64)
    return np.asarray(np.searchsorted(known, day))


def _reference(frame: pd.DataFrame, at: Numbers) -> Array:
    """Price from which the move of each tested row is measured, CNY."""
    close, factor = frame["close"].to_numpy(), frame["factor"].to_numpy()
    reference: Array = close[at - 1] * factor[at - 1] / factor[at]
    if "preclose" in frame:
        given = frame["preclose"].to_numpy()[at]
        reference = np.where(np.isfinite(given) & (given > 0.0), given, reference)
    return reference


def _allowed(book: RuleBook, frame: pd.DataFrame, code: Codes, day: Numbers) -> Array:
    """Largest move that the rule book allows each row, a fraction; infinite without a limit."""
    symbols = [str(s) for s in frame["symbol"].cat.categories]
    board = np.array([board_row(book, s) for s in symbols], dtype=np.int64)[code]
    days, number = np.unique(day, return_inverse=True)
    status = np.zeros(len(frame), dtype=np.int64)
    for kind, name in ((1, "is_st"), (2, "in_delisting")):
        if name in frame:
            status[frame[name].to_numpy() > 0.0] = kind
    percent = ruled_percent(book, days.astype("datetime64[D]"))
    allowed: Array = np.where(board >= 0, percent[status, board, number], np.inf) / 100.0
    if "no_limit" in frame:
        allowed[frame["no_limit"].to_numpy() > 0.0] = np.inf
    starts = np.flatnonzero(np.diff(code, prepend=-1))
    for row in starts[day[starts] > day.min(initial=_LATE)]:  # who is there at first is old
        free = listing_window(book, symbols[code[row]], str(np.datetime64(int(day[row]), "D")))[0]
        window = slice(row, row + int(free))
        allowed[window] = np.where(code[window] == code[row], np.inf, allowed[window])
    return allowed


def _every_other(flags: Flags) -> Flags:
    """The first, third, fifth ... of each run of flags."""
    count = np.arange(len(flags))
    begin = np.maximum.accumulate(np.where(flags, -1, count))
    odd: Flags = (count - begin) % 2 == 1
    return flags & odd
