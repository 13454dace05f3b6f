"""Parameter sets of one strategy: a table that can be cut into blocks and named."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.config import SweepConfig
from tasks.backtest.strategies.family import Family
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
    values = _values(kind, grid)
    rows = np.array(list(itertools.product(*values)), dtype=float).reshape(-1, len(kind.names))
    kind.check(rows)
    rows = rows[kind.sensible(rows)]
    if not len(rows):
        raise UserError(f"the grid of {strategy} holds no sensible set: {kind.rule}")
    return Combinations(strategy, kind.names, rows, np.arange(len(rows)))


def random_combinations(
    strategy: str, grid: Mapping[str, Sequence[float]], samples: int, seed: int
) -> Combinations:
    """Different sensible sets drawn evenly between each parameter's smallest and largest value.

    Whole parameters are drawn from all whole numbers in between, others to three digits after the
    point. A larger number of samples begins with the same sets.

    Args:
        strategy: name of a family.
        grid: every parameter's name to its values, of which only the range counts.
        samples: number of sets; fewer if the range holds no more.
        seed: of the generator.
    """
    kind = family(strategy)
    ends = [(min(v), max(v)) for v in _values(kind, grid)]
    generator = np.random.default_rng(seed)
    found: dict[tuple[float, ...], None] = {}
    for _ in range(20 * samples):
        drawn = [
            float(generator.integers(int(low), int(high) + 1))
            if parameter.whole
            else round(float(generator.uniform(low, high)), 3)
            for parameter, (low, high) in zip(kind.parameters, ends, strict=True)
        ]
        if bool(kind.sensible(np.array([drawn]))[0]):
            found[tuple(drawn)] = None
        if len(found) == samples:
            break
    if not found:
        raise UserError(f"the range of {strategy} holds no sensible set: {kind.rule}")
    rows = np.array(list(found))
    kind.check(rows)
    return Combinations(strategy, kind.names, rows, np.arange(len(rows)))


def parameter_sets(config: SweepConfig) -> Combinations:
    """The parameter sets that a sweep's settings name."""
    if config.search == "random":
        return random_combinations(config.strategy, config.grid(), config.samples, config.seed)
    return combinations(config.strategy, config.grid())


def _values(kind: Family, grid: Mapping[str, Sequence[float]]) -> list[Sequence[float]]:
    """The grid's values in the order of the family's parameters."""
    if set(grid) != set(kind.names) or not all(len(v) for v in grid.values()):
        raise UserError(
            f"the grid of {kind.name} names {', '.join(grid) or 'nothing'}; "
            f"give values for {', '.join(kind.names)}"
        )
    return [grid[n] for n in kind.names]
