"""The strategy families by name."""

from __future__ import annotations

from tasks.backtest.strategies.family import Family
from tasks.backtest.strategies.trend import MA_CROSS
from tasks.errors import UserError

FAMILIES: dict[str, Family] = {f.name: f for f in (MA_CROSS,)}


def family(name: str) -> Family:
    """A family by name; an unknown one is the user's mistake."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise UserError(
            f"there is no strategy {name!r}; there are {', '.join(sorted(FAMILIES))}"
        ) from None
