"""Parameter sets of one strategy: a table that can be cut into blocks and named."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.backtest.config import SweepConfig
from tasks.backtest.strategies.family import Family
from tasks.backtest.strategies.registry import family
from tasks.data.userfiles import UserFile
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: most combinations of a grid, sensible or not, that are looked at one by one
MOST_SETS = 100_000_000
_CHUNK = 1_000_000


@dataclasses.dataclass(frozen=True)
class Combinations:
    """Parameter sets of one strategy.

    Attributes:
        strategy: name of the strategy's family.
        names: parameter names, P of them.
        values: float64 (K, P), one row per parameter set.
        numbers: int64 (K,), position of each set in the whole grid, ascending.
        file: the user's file that the strategy stands in; None for one of ours.
    """

    strategy: str
    names: tuple[str, ...]
    values: Array
    numbers: NDArray[np.int64]
    file: UserFile | None = None

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

    def distinct(self) -> Combinations:
        """Each set once, where it stands first: trying it again is no other trial."""
        kept = np.sort(np.unique(self.values, axis=0, return_index=True)[1])
        if len(kept) == len(self):
            return self
        return dataclasses.replace(self, values=self.values[kept], numbers=self.numbers[kept])

    @property
    def family(self) -> Family:
        """The strategy itself."""
        return family_of(self.strategy, self.file)

    @property
    def lookback(self) -> int:
        """Trading days that the longest set needs before its first signal."""
        return self.family.lookback(self.values) if len(self) else 0


def family_of(strategy: str, file: UserFile | None = None) -> Family:
    """One of our families by its name, or the one that stands in a user's file."""
    if file is None:
        return family(strategy)
    from tasks.backtest.strategies.user import read_strategy  # loads the expression language

    return read_strategy(file)


def combinations(
    strategy: str, grid: Mapping[str, Sequence[float]], file: UserFile | None = None
) -> Combinations:
    """Every sensible parameter set of a grid, in the order of the grid's values.

    Args:
        strategy: name of a family, see `tasks.backtest.strategies`.
        grid: every parameter's name to its values; one that stands there twice counts once.
        file: the user's file that the strategy stands in, if it is none of ours.

    Raises:
        UserError: a parameter is missing, unknown, out of range or no list of numbers, no sensible
            set is left, or there are far too many.
    """
    places = sensible_places(strategy, grid, file)
    return grid_part(strategy, grid, places, 0, file)


def sensible_places(
    strategy: str, grid: Mapping[str, Sequence[float]], file: UserFile | None = None
) -> NDArray[np.int64]:
    """Positions of the sensible sets among all of a grid's, int64 (K,); arguments and errors as of
    `combinations`, which holds every set in memory where this holds a number.
    """  # noqa: D205  # one sentence
    kind = family_of(strategy, file)
    values = _values(kind, grid)
    count = math.prod(len(v) for v in values)
    if count > MOST_SETS:
        raise UserError(
            f"the grid of {kind.name} has {_many(count)} combinations, and at most "
            f"{_many(MOST_SETS)} can be listed: give fewer values, or draw some with search random"
        )
    for parameter, column in zip(kind.parameters, values, strict=True):
        kind.check_column(parameter, np.asarray(column, dtype=float))
    parts = [
        start + np.flatnonzero(kind.sensible(_rows(values, start, min(start + _CHUNK, count))))
        for start in range(0, count, _CHUNK)
    ]
    places = np.concatenate(parts)
    if not len(places):
        raise UserError(f"the grid of {kind.name} holds no sensible set: {kind.rule}")
    return places


def grid_part(
    strategy: str,
    grid: Mapping[str, Sequence[float]],
    places: NDArray[np.int64],
    number: int,
    file: UserFile | None = None,
) -> Combinations:
    """Some sets of a grid by their positions, numbered from `number` on."""
    kind = family_of(strategy, file)
    rows = _rows_at(_values(kind, grid), places)
    return Combinations(kind.name, kind.names, rows, number + np.arange(len(rows)), file)


def _rows(values: list[Sequence[float]], start: int, stop: int) -> Array:
    return _rows_at(values, np.arange(start, stop))


def _rows_at(values: list[Sequence[float]], places: NDArray[np.int64]) -> Array:
    """Sets of a grid by position, the last parameter varying fastest, float64 (K, P)."""
    if not values:
        return np.zeros((len(places), 0))
    indices = np.unravel_index(places, tuple(len(v) for v in values))
    columns = [np.asarray(v, dtype=float)[i] for v, i in zip(values, indices, strict=True)]
    return np.ascontiguousarray(np.stack(columns, axis=1))


def _many(count: int) -> str:
    """A number of sets that may have too many digits to read."""
    return f"{count:,}" if count < 10**12 else f"about 10^{len(str(count)) - 1}"


def random_combinations(
    strategy: str,
    grid: Mapping[str, Sequence[float]],
    samples: int,
    seed: int,
    file: UserFile | None = None,
) -> Combinations:
    """Different sensible sets drawn evenly between each parameter's smallest and largest value.

    Whole parameters are drawn from all whole numbers in between, others to three digits after the
    point. A larger number of samples begins with the same sets.

    Args:
        strategy: name of a family.
        grid: every parameter's name to its values, of which only the range counts.
        samples: number of sets; fewer if the range holds no more.
        seed: of the generator.
        file: the user's file that the strategy stands in, if it is none of ours.
    """
    kind = family_of(strategy, file)
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
        raise UserError(f"the range of {kind.name} holds no sensible set: {kind.rule}")
    rows = np.array(list(found))
    kind.check(rows)
    return Combinations(kind.name, kind.names, rows, np.arange(len(rows)), file)


def parameter_sets(config: SweepConfig, file: UserFile | None = None) -> Combinations:
    """The parameter sets that a sweep's settings name; none can be named before an Optuna search.

    Args:
        config: the settings.
        file: what `config.strategy_file` says.
    """
    name, grid = config.strategy, config.grid(file)
    if config.search == "random":
        return random_combinations(name, grid, config.samples, config.seed, file)
    return combinations(name, grid, file)


def _values(kind: Family, grid: Mapping[str, Sequence[float]]) -> list[Sequence[float]]:
    """The grid's different values in the order of the family's parameters."""
    found = {name: _numbers(kind, name, values) for name, values in grid.items()}
    if set(found) != set(kind.names) or not all(found.values()):
        raise UserError(
            f"the grid of {kind.name} names {', '.join(map(str, grid)) or 'nothing'}; "
            f"give values for {', '.join(kind.names)}"
        )
    return [found[n] for n in kind.names]


def _numbers(kind: Family, name: str, values: Any) -> list[float]:
    """Values of one parameter as numbers, each once, in their order."""
    single = isinstance(values, (str, bytes)) or not isinstance(values, Iterable)
    listed = [values] if single else list(values)
    try:
        found = [float(v) for v in listed if not isinstance(v, (str, bytes))]
    except (TypeError, ValueError):
        found = []
    if single or len(found) < len(listed):
        raise UserError(
            f"the grid of {kind.name} gives {values!r} for {name}: give a list of numbers"
        )
    return list(dict.fromkeys(found))
