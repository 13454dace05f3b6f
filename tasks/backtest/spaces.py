"""What a sweep tries, without listing it: sets that are cut into parts by their numbers.

A part is a small JSON value from which any worker makes the parameter sets again. A grid's part
names positions in the grid, so that ten million sets travel as a few numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.backtest.combinations import (
    Combinations,
    family_of,
    grid_part,
    random_combinations,
    sensible_places,
)
from tasks.backtest.config import SweepConfig
from tasks.data.userfiles import UserFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Part = dict[str, Any]
#: sets that are looked at together
_CHUNK = 1_000_000


@dataclasses.dataclass(frozen=True)
class Space:
    """The sets of a sweep, K of them.

    Attributes:
        strategy: name of the strategy's family.
        grid: parameters to values.
        file: the user's file that the strategy stands in; None for one of ours.
        places: positions of the sets in the grid, int64 (K,); None where `values` are given.
        values: the sets themselves, float64 (K, P), where they are no grid.
    """

    strategy: str
    grid: Mapping[str, Sequence[float]]
    file: UserFile | None = None
    places: NDArray[np.int64] | None = None
    values: Array | None = None

    def __len__(self) -> int:
        known = self.places if self.values is None else self.values
        return 0 if known is None else len(known)

    def part(self, first: int, stop: int) -> Part:
        """Sets from `first` to before `stop`, for `sets_of`."""
        if self.values is not None:
            return explicit(self.strategy, self.values[first:stop], first)
        assert self.places is not None
        return {
            "strategy": self.strategy,
            "grid": {name: [float(v) for v in values] for name, values in self.grid.items()},
            "start": int(self.places[first]),
            "stop": int(self.places[stop - 1]) + 1,
            "number": first,
        }

    def spread(self, count: int) -> Combinations:
        """At most `count` sets, evenly from the whole."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).astype(int))
        if self.places is not None:
            return grid_part(self.strategy, self.grid, self.places[chosen], 0, self.file)
        every = sets_of(self.part(0, len(self)), self.file)
        return dataclasses.replace(every, values=every.values[chosen], numbers=chosen)

    @property
    def lookback(self) -> int:
        """Trading days that the longest set needs before its first signal."""
        if self.places is None:
            return sets_of(self.part(0, len(self)), self.file).lookback
        parts = (self.places[i : i + _CHUNK] for i in range(0, len(self), _CHUNK))
        return max(
            grid_part(self.strategy, self.grid, part, 0, self.file).lookback for part in parts
        )


def space(config: SweepConfig, file: UserFile | None = None) -> Space:
    """The space of a grid or of a random search, see `combinations.parameter_sets`."""
    grid = config.grid(file)
    name = family_of(config.strategy, file).name
    if config.search == "random":
        drawn = random_combinations(name, grid, config.samples, config.seed, file)
        return Space(name, grid, file, values=drawn.values)
    return Space(name, grid, file, places=sensible_places(name, grid, file))


def widest(config: SweepConfig, file: UserFile | None = None) -> int:
    """Trading days that any set between the grid's smallest and largest values may need."""
    kind, grid = family_of(config.strategy, file), config.grid(file)
    return kind.lookback(np.array([[float(max(grid[n])) for n in kind.names]]))


def explicit(strategy: str, values: Array, number: int) -> Part:
    """A part that lists its sets, numbered from `number` on."""
    return {"strategy": strategy, "values": np.asarray(values).tolist(), "number": number}


def sets_of(part: Part, file: UserFile | None = None) -> Combinations:
    """The parameter sets of a part."""
    strategy, number = part["strategy"], int(part["number"])
    kind = family_of(strategy, file)
    if "values" in part:
        rows = np.array(part["values"], dtype=float).reshape(-1, len(kind.names))
        kind.check(rows)
        return Combinations(kind.name, kind.names, rows, number + np.arange(len(rows)), file)
    places = np.arange(part["start"], part["stop"])
    every = grid_part(strategy, part["grid"], places, 0, file)
    sensible = kind.sensible(every.values)
    return grid_part(strategy, part["grid"], places[sensible], number, file)


def sub_parts(part: Part, size: int, file: UserFile | None = None) -> list[Part]:
    """A part cut into smaller ones of at most `size` sets."""
    sets = sets_of(part, file)
    numbers = range(0, len(sets), size)
    if "values" in part:
        first = int(part["number"])
        return [explicit(part["strategy"], sets.values[i : i + size], first + i) for i in numbers]
    places = np.arange(part["start"], part["stop"])
    whole = grid_part(part["strategy"], part["grid"], places, 0, file)
    kept = places[sets.family.sensible(whole.values)]
    own = Space(part["strategy"], part["grid"], file, places=kept)
    return [
        own.part(i, min(i + size, len(kept))) | {"number": int(part["number"]) + i} for i in numbers
    ]
