"""Whether a user's rule looks into the future: other later days may not change what it said before.

Later days are cut off two weeks after a first changed day, and until then their prices leap up and
down by turns, in two panels with opposite leaps. Whatever a rule asks of a later day, whether it
rises, falls or ranks high, has another answer in one of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.panel import ADJUSTED_WITH_PRICES
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Array = NDArray[np.float64]
    Compute = Callable[[Panel], Any]

#: changed days that are left
TAIL = 10
#: a changed price is this many times itself, or this part of it
LEAP = 3.0
#: parts of the days from the rule's first move on, where the first changed day lies, and which of
#: the two panels is tried there: scales that a rule takes from its first months change in any
CUTS = ((0.05, 1), (0.3, 1), (0.3, -1))


def require_blindness(who: str, compute: Compute, panel: Panel, whole: Any) -> None:
    """Refuse a rule whose past changes.

    Args:
        who: the file and the set, such as `mine.py looks into the future: with n 5`.
        compute: panel to the rule's grid, to several by name, or to an error.
        panel: bars as they are.
        whole: what the rule gave for them.

    Raises:
        UserError: names the first value that changed, or why the rule gave none to compare.
    """
    grids = list(whole.values()) if isinstance(whole, dict) else [whole]
    for cut, sign in _cuts(grids):
        other = _computed(compute, panel, cut, sign)
        if isinstance(other, UserError):
            raise UserError(
                f"{other}: it is raised when the bars from {panel.dates[cut]} on are others, so "
                "that nobody can say whether the rule looks into the future"
            )
        changed = list(other.values()) if isinstance(other, dict) else [other]
        for now, then in zip(grids, changed, strict=True):
            differs = ~np.isclose(then[:cut], now[:cut], rtol=1e-9, atol=1e-12, equal_nan=True)
            if differs.any():
                row, column = np.argwhere(differs)[0]
                raise UserError(
                    f"{who} its value of {panel.symbols[column]} on {panel.dates[row]} changes "
                    f"when the bars from {panel.dates[cut]} on are others: use nothing after the "
                    "day's close"
                )


def _cuts(grids: list[Array]) -> Iterator[tuple[int, int]]:
    """First changed rows, and the sign of what is changed."""
    days = len(grids[0])
    moves = np.zeros(max(days - 1, 0), dtype=bool)
    for grid in grids:
        same = (grid[1:] == grid[:-1]) | (np.isnan(grid[1:]) & np.isnan(grid[:-1]))
        moves |= ~same.all(axis=1)
    first = int(moves.argmax()) + 1 if moves.any() else 0
    for part, sign in CUTS:
        row = first + max(int(part * (days - first)), 1)
        if row < days:
            yield row, sign


def _computed(compute: Compute, panel: Panel, cut: int, sign: int) -> Any:
    """What the rule gives for another future; for one as long as the true one if it needs that."""
    short = panel.rows(slice(0, cut + TAIL))
    found = compute(leaping(short, cut, sign))
    return compute(leaping(panel, cut, sign)) if isinstance(found, UserError) else found


def leaping(panel: Panel, cut: int, sign: int) -> Panel:
    """The panel with prices that leap from row `cut` on, neighbours in opposite directions.

    Args:
        panel: bars.
        cut: first changed row.
        sign: 1 or -1, whether the first symbol leaps up or down first.
    """
    days, symbols = panel.shape
    steps = np.add.outer(np.arange(days - cut), np.arange(symbols)) % 2
    leap = LEAP ** (sign * (1.0 - 2.0 * steps))
    changed = {}
    for name, times in (*((n, leap) for n in (*ADJUSTED_WITH_PRICES, "volume")),
                        ("amount", leap**2)):  # fmt: skip
        if name in panel:
            changed[name] = np.concatenate([panel[name][:cut], panel[name][cut:] * times])
    return panel.with_fields(**changed)
