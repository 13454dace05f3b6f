"""What a strategy family is: named parameters with limits, and a rule for one stock."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Bytes = NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class StockBars:
    """Adjusted bars of one stock on its trading days only, float64 (m,), no NaN in `close`."""

    open: Array
    high: Array
    low: Array
    close: Array


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One parameter of a family.

    Attributes:
        name: such as `fast`.
        meaning: one phrase with the unit.
        lowest: smallest allowed value.
        highest: largest allowed value.
        whole: whether only whole numbers make sense.
    """

    name: str
    meaning: str
    lowest: float
    highest: float
    whole: bool = True


@dataclasses.dataclass(frozen=True)
class Family:
    """A rule with parameters.

    Attributes:
        name: such as `ma_cross`.
        title: a phrase for reports.
        parameters: in the order of the columns of a parameter table.
        wanted: bars and parameter table (K, P) to uint8 (K, m): 1 where the set wants to hold
            after the close of the day. Uses nothing after that close.
        lookback: parameter table to the trading days before the longest set's first signal.
        sensible: parameter table to bool (K,): which sets are worth a trial.
        rule: what makes a set sensible, in words.
    """

    name: str
    title: str
    parameters: tuple[Parameter, ...]
    wanted: Callable[[StockBars, Array], Bytes]
    lookback: Callable[[Array], int]
    sensible: Callable[[Array], Flags] = lambda values: np.ones(len(values), dtype=bool)
    rule: str = "every set is"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(p.name for p in self.parameters)

    def check(self, values: Array) -> None:
        """Refuse a table with a value outside a parameter's limits."""
        for column, parameter in zip(values.T, self.parameters, strict=True):
            bad = ~((column >= parameter.lowest) & (column <= parameter.highest))
            if parameter.whole:
                bad |= column != np.rint(column)
            if bad.any():
                kind = "a whole number" if parameter.whole else "a number"
                raise UserError(
                    f"{parameter.name} of {self.name} is {column[bad][0]:g}: give {kind} "
                    f"between {parameter.lowest:g} and {parameter.highest:g}"
                )
