"""The universe: which stocks may be ranked on a day, and which moves nobody earned.

Every answer about day t uses days up to t.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tasks.market.rules import a_share_rules
from tasks.market.rules_limits import board_row, limits, ruled_percent
from tasks.market.symbols import board

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.data.config import UniverseConfig
    from tasks.data.panel import Panel

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

#: boards whose codes are no stocks
NO_STOCKS = ("index", "fund", "bond")
#: largest believable move where no limit is ruled, a fraction
UNRULED = 0.205
#: CNY by which binary fractions of whole cents may differ
HAIR = 1e-6


def eligible(panel: Panel, config: UniverseConfig) -> Flags:
    """Which stocks may be ranked on a day.

    A stock must have traded that day, be listed long enough, have traded often enough lately and,
    where the source knows and `exclude_st` is set, not be under special treatment. Indices, funds
    and bonds never are.

    Args:
        panel: T x N, in any adjustment.
        config: the limits.

    Returns:
        T x N flags.
    """
    traded = ~np.isnan(panel["close"])
    first = np.where(traded.any(axis=0), traded.argmax(axis=0), len(traded))
    age = np.arange(len(traded))[:, None] - first
    old = (first == 0) | (age >= config.min_listed_sessions)
    often = _count_within(traded, config.history_window) >= config.min_traded_sessions
    stock = [s not in panel.benchmarks and board(s) not in NO_STOCKS for s in panel.symbols]
    flags: Flags = traded & old & often & np.array(stock, dtype=bool)
    if config.exclude_st and "is_st" in panel:
        flags &= _last_known(panel["is_st"]) != 1.0
    return flags


def jumps(panel: Panel, unruled: float = UNRULED) -> Flags:
    """Days whose move from the last price no price limit allows. T x N.

    Only unadjusted prices can jump like that without anyone earning it: splits, dividends and
    returns from a long suspension cannot be told apart, so labels that span such a move are masked.
    The limit is the rule book's for the stock's board, its special treatment and the day; in the
    first sessions of a listing there is none, and nothing is flagged. On prices with factors
    nothing is flagged.

    Args:
        panel: T x N.
        unruled: largest believable absolute close-to-close move, as a fraction, where the rule book
            never limits the board on the day: indices, other markets, early years.
    """
    if panel.adjustment != "unadjusted":
        return np.zeros(panel.shape, dtype=bool)
    price, book = _prices(panel), a_share_rules()
    before = np.full(panel.shape, np.nan)
    before[1:] = _last_known(price)[:-1]
    up, down = limits(panel.with_fields(preclose=before), book)
    ruled = np.isfinite(ruled_percent(book, panel.dates)[0])
    rows = np.array([board_row(book, symbol) for symbol in panel.symbols], dtype=np.int64)
    free = (rows < 0) | ~ruled[rows].T
    with np.errstate(invalid="ignore"):
        beyond = (price > up + HAIR) | (price < down - HAIR)
        return np.where(free, np.abs(price / before - 1.0) > unruled, beyond)


def without_jumps(panel: Panel, unruled: float = UNRULED) -> Panel:
    """An unadjusted panel with a factor that takes its unbelievable moves out of the prices.

    On a flagged day the close is made to equal the last price before it, so that a move which
    nobody can have earned is neither profit nor loss, in features and in backtests. The factor of
    a day uses rows up to that day. Other panels come back as they are.

    Args:
        panel: T x N.
        unruled: see `jumps`.
    """
    if panel.adjustment != "unadjusted":
        return panel
    flagged = jumps(panel, unruled)
    change = np.where(flagged, 1.0 / (1.0 + _moves(panel)), 1.0)
    factor: Array = np.cumprod(change, axis=0, dtype=np.float64)
    raw = panel.with_fields(factor=factor)
    return dataclasses.replace(raw, adjustment="raw")


def large_moves(panel: Panel, unruled: float = UNRULED) -> pd.DataFrame:
    """The moves that `jumps` flags: `symbol`, `date`, `before`, `after` (CNY), `move` (fraction).

    Sorted by symbol and date.
    """
    import pandas as pd

    columns, rows = np.nonzero(jumps(panel, unruled).T)
    after = _prices(panel)
    before = _last_known(after)[np.maximum(rows - 1, 0), columns]
    return pd.DataFrame(
        {
            "symbol": np.array(panel.symbols, dtype=object)[columns],
            "date": panel.dates.astype("datetime64[us]")[rows],
            "before": before,
            "after": after[rows, columns],
            "move": after[rows, columns] / before - 1.0,
        }
    )


def _prices(panel: Panel) -> Array:
    """Closes; on a suspended day the price that the vendor carried on, where it said one.

    A vendor that lowers the carried price on an ex-day inside a suspension shows the jump there.
    """
    if "carried" not in panel:
        return panel["close"]
    return np.where(np.isnan(panel["close"]), panel["carried"], panel["close"])


def _moves(panel: Panel) -> Array:
    """Fractional change from the last known price; NaN without a price or before the second."""
    price = _prices(panel)
    out = np.full(panel.shape, np.nan)
    out[1:] = price[1:] / _last_known(price)[:-1] - 1.0
    return out


def _last_known(values: Array) -> Array:
    """Each column's newest value that is not NaN, up to and including the row."""
    rows = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    np.maximum.accumulate(rows, axis=0, out=rows)
    return np.take_along_axis(values, rows, axis=0)


def _count_within(flags: Flags, window: int) -> NDArray[np.int64]:
    """How often a flag was set on the day and the `window - 1` days before it. T x N."""
    total = np.cumsum(flags, axis=0, dtype=np.int64)
    before = np.zeros_like(total)
    before[window:] = total[:-window] if window < len(total) else 0
    return total - before
