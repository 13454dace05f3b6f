"""Parameter sets of one strategy: a table that can be cut into blocks and named."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.strategies.registry import family
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Combinations:
    """Parameter sets of one strategy.

    Attributes:
        strategy: name of the strategy's family.
        names: parameter names, P of them.
        values: float64 (K, P), one row per parameter set.
        numbers: int64 (K,), position of each set in the whole grid, ascending.
    """

    strategy: str
    names: tuple[str, ...]
    values: Array
    numbers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, selection: slice) -> Combinations:
        return dataclasses.replace(
            self, values=self.values[selection], numbers=self.numbers[selection]
        )

    def blocks(self, size: int) -> list[Combinations]:
        """Consecutive parts of at most `size` sets."""
        return [self[i : i + size] for i in range(0, len(self), size)]

    def column(self, name: str) -> Array:
        """All values of one parameter, shape (K,)."""
        return self.values[:, self.names.index(name)]

    @property
    def lookback(self) -> int:
        """Trading days that the longest set needs before its first signal."""
        return family(self.strategy).lookback(self.values) if len(self) else 0


def combinations(strategy: str, grid: Mapping[str, Sequence[float]]) -> Combinations:
    """Every sensible parameter set of a grid, in the order of the grid's values.

    Args:
        strategy: name of a family, see `tasks.backtest.strategies`.
        grid: every parameter's name to its values.

    Raises:
        UserError: a parameter is missing, unknown or out of range, or no sensible set is left.
    """
    kind = family(strategy)
    if set(grid) != set(kind.names):
        raise UserError(
            f"the grid of {strategy} names {', '.join(grid) or 'nothing'}; "
            f"give values for {', '.join(kind.names)}"
        )
    rows = np.array(list(itertools.product(*(grid[n] for n in kind.names))), dtype=float)
    rows = rows.reshape(-1, len(kind.names))
    kind.check(rows)
    rows = rows[kind.sensible(rows)]
    if not len(rows):
        raise UserError(f"the grid of {strategy} holds no sensible set: {kind.rule}")
    return Combinations(strategy, kind.names, rows, np.arange(len(rows)))
