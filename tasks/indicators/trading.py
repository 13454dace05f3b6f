"""Between the calendar's grid and tiles of trading days.

A technical indicator counts trading days, so a suspended day (NaN) is skipped: each column is
computed as if only its trading days existed, and the result is scattered back, NaN on the days
skipped.

A tile's arrays have T + 1 rows: each lane's trading days first, then NaN. The last row is void:
days without trading read from it and write to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.indicators.kernels import layout
from tasks.indicators.memory import Memory

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Days:
    """Which days a tile's lanes traded.

    Attributes:
        trading: whether each day of the calendar, and of the void row, was one; bool (T + 1, L).
        counts: trading days of each lane; (L,).
        place: flat position of each cell in the compacted lanes; (T + 1, L).
    """

    trading: NDArray[np.bool_]
    counts: NDArray[np.int64]
    place: NDArray[np.uint32]


class Window:
    """Some columns (`lanes`, from `low` on) of some grids (T, N), on trading days.

    Masks and series are made once for all that ask for them.
    """

    def __init__(self, grids: Mapping[str, Array], low: int, lanes: int, memory: Memory) -> None:
        self.low, self.lanes = low, lanes
        self.rows = next(iter(grids.values())).shape[0]
        self._grids = grids
        self._memory = memory
        self._masks: dict[str, NDArray[np.bool_]] = {}
        self._days: list[Days] = []
        self._series: dict[tuple[str, int], Array] = {}

    def days(self, names: Iterable[str]) -> Days:
        """The days on which all the named grids are known."""
        masks = [self._mask(name) for name in dict.fromkeys(names)]
        trading = masks[0]
        for other in masks[1:]:
            if not np.array_equal(trading, other):
                both = self._memory.new(np.bool_)
                trading = np.logical_and(trading, other, out=both)
        for days in self._days:
            if days.trading is trading or np.array_equal(days.trading, trading):
                return days
        return self._number(trading)

    def number(self, days: Days) -> int:
        """Number of some days among those that were asked for."""
        return self._days.index(days)

    def series(self, name: str, days: Days) -> Array:
        """One grid's trading days at the top of its lanes; (T + 1, L)."""
        key = (name, self.number(days))
        if key not in self._series:
            lanes = self._memory.new()
            flat = lanes.reshape(-1)
            layout.compact(self._grids[name], self.low, days.place, days.counts, flat)
            self._series[key] = lanes
        return self._series[key]

    def scatter(self, lanes: Array, days: Days, out: NDArray[Any], most: float) -> None:
        """Put a result on trading days where it belongs in a grid; NaN on the other days."""
        lanes[-1] = np.nan
        layout.scatter(lanes.reshape(-1), days.place, self.low, most, out)

    def _mask(self, name: str) -> NDArray[np.bool_]:
        if name not in self._masks:
            self._masks[name] = self._memory.new(np.bool_)
            layout.known(self._grids[name], self.low, self._masks[name])
        return self._masks[name]

    def _number(self, trading: NDArray[np.bool_]) -> Days:
        counts = np.zeros(self.lanes, dtype=np.int64)
        days = Days(trading, counts, self._memory.new(np.uint32))
        layout.number_days(trading, counts, days.place)
        self._days.append(days)
        return days
