"""What a sweep refuses, each in one sentence: before it begins, and where nothing came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from tasks.backtest.config import Fill
from tasks.data.panel import PRICE_FIELDS
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Flags = NDArray[np.bool_]

_FILLS: tuple[str, ...] = get_args(Fill)


def known_fill(fill: str) -> None:
    """Refuse a price of the fills that a sweep does not know."""
    if fill not in _FILLS:
        raise UserError(
            f"fill {fill!r} is no price at which a sweep fills: choose {' or '.join(_FILLS)}"
        )


def whole_size(name: str, size: Any) -> None:
    """Refuse blocks that hold nothing."""
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise UserError(f"{name} is {size!r}: give a whole number of at least 1")


def members(panel: Panel, universe: Any) -> Flags | None:
    """A universe as flags of the panel's grid, bool (T, N).

    Args:
        panel: T x N.
        universe: flags, or 0 and 1, of any array kind; None for all stocks.

    Raises:
        UserError: it has another shape, or values that are neither.
    """
    if universe is None:
        return None
    flags = np.asarray(universe)
    if flags.shape != panel.shape:
        raise UserError(
            f"the universe has shape {flags.shape}, the panel's grid is {panel.shape}: "
            "give one row per date and one column per symbol"
        )
    if flags.dtype != np.bool_:
        clear = np.isin(flags, (0, 1))
        if not clear.all():
            t, n = np.argwhere(~clear)[0]
            raise UserError(
                f"the universe says {flags[t, n]} of {panel.symbols[n]} on {panel.dates[t]}: "
                "give True or False for every stock and day"
            )
    return flags.astype(bool, copy=False)


def positive_prices(panel: Panel) -> None:
    """Refuse a price at or below zero: no share has one, and every return from it is wrong."""
    for name in PRICE_FIELDS:
        prices = panel[name]
        with np.errstate(invalid="ignore"):
            wrong = prices <= 0.0
        if wrong.any():
            t, n = np.argwhere(wrong)[0]
            raise UserError(
                f"the {name} of {panel.symbols[n]} on {panel.dates[t]} is {prices[t, n]:g}, and "
                "prices are above zero: correct or quarantine the bar (NaN: not traded)"
            )


def require_a_score(errors: Sequence[str]) -> None:
    """Where not a single set could be scored there is nothing to look at.

    Args:
        errors: why each set was not scored; empty where it was.
    """
    if len(errors) and all(errors):
        raise UserError(nothing_scored(len(errors), errors[0]))


def nothing_scored(count: int, error: str) -> str:
    """That none of some sets could be scored, and why the first could not."""
    return error if count == 1 else f"none of {count:,} parameter sets could be scored: {error}"
