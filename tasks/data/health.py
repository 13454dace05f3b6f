"""How complete and fresh a panel is, day by day and on its last day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.market.rules_limits import limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

#: a symbol that traded within so many sessions is expected to have a bar
EXPECTED_WITHIN = 60
#: sessions since the first bar during which a symbol counts as newly listed
NEW_SESSIONS = 60
#: sessions that are looked at for the price from which the last day's move is measured
REFERENCE_SESSIONS = 250
#: CNY: half of the smallest price step
_HAIR = 0.005


def health(stocks: Panel) -> dict[str, Any]:
    """Coverage by day, and who had no ordinary trading on the last day.

    Args:
        stocks: T x N panel without benchmarks.

    Returns:
        `days` (ISO), `present` (stocks with a price), `expected` (stocks that traded within the
        last 60 sessions, today included), all by day; and for the last day `suspended`,
        `special_treatment` (None where the source does not say) and `newly_listed`; stocks of the
        panel's first day count as old.
    """
    traded = ~np.isnan(stocks["close"])
    expected = _traded_within(traded, EXPECTED_WITHIN)
    first = np.where(traded.any(axis=0), traded.argmax(axis=0), len(traded))
    age = len(traded) - 1 - first
    special = stocks["is_st"][-1] if "is_st" in stocks else None
    return {
        "days": [str(d) for d in stocks.dates],
        "present": traded.sum(axis=1).tolist(),
        "expected": expected.sum(axis=1).tolist(),
        "suspended": int((expected[-1] & ~traded[-1]).sum()),
        "special_treatment": None if special is None else int(np.nansum(special == 1.0)),
        "newly_listed": int(((age >= 0) & (age < NEW_SESSIONS) & (first > 0)).sum()),
    }


def limit_locked(stocks: Panel) -> int | None:
    """Stocks whose only price of the last day is a limit of it: nobody who wanted to could trade.

    Args:
        stocks: T x N panel without benchmarks, before anything is made of its prices.

    Returns:
        How many; None where prices are adjusted, as limits hold for raw ones.
    """
    if stocks.adjustment == "adjusted":
        return None
    traded = ~np.isnan(stocks["close"])
    began = [str(stocks.dates[first]) for first in traded.argmax(axis=0)]
    recent = stocks.rows(slice(-REFERENCE_SESSIONS, None))
    highest, lowest = limits(recent, listed_on=dict(zip(stocks.symbols, began, strict=True)))
    high, low = recent["high"][-1], recent["low"][-1]
    at_limit = (np.abs(high - highest[-1]) < _HAIR) | (np.abs(low - lowest[-1]) < _HAIR)
    return int((at_limit & (high - low < _HAIR)).sum())


def _traded_within(traded: NDArray[np.bool_], sessions: int) -> NDArray[np.bool_]:
    """Whether a symbol traded on the day or on one of the `sessions - 1` before it."""
    seen = np.cumsum(traded, axis=0, dtype=np.int64)
    before = np.zeros_like(seen)
    before[sessions:] = seen[:-sessions]
    within: NDArray[np.bool_] = seen > before
    return within
