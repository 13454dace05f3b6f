"""The strategy families by name."""

from __future__ import annotations

from tasks.backtest.strategies.family import Family
from tasks.backtest.strategies.ranking import MOMENTUM, REVERSAL
from tasks.backtest.strategies.reversion import BOLLINGER, RSI_REVERSAL
from tasks.backtest.strategies.risk import VOLATILITY_TARGET
from tasks.backtest.strategies.trend import BREAKOUT, MA_CROSS, MACD
from tasks.errors import UserError

_ALL = (MA_CROSS, MACD, BREAKOUT, RSI_REVERSAL, BOLLINGER, MOMENTUM, REVERSAL, VOLATILITY_TARGET)

FAMILIES: dict[str, Family] = {f.name: f for f in _ALL}


def family(name: str) -> Family:
    """A family by name; an unknown one is the user's mistake."""
    try:
        return FAMILIES[name]
    except KeyError:
        raise UserError(
            f"there is no strategy {name!r}; there are {', '.join(sorted(FAMILIES))}"
        ) from None
