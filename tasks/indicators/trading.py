"""Between the calendar's grid and tiles of trading days.

A technical indicator counts trading days, so a suspended day (NaN) is skipped: each column is
computed as if only its trading days existed, and the result is scattered back, NaN on the days
skipped.

A tile's arrays have T + 1 rows: each lane's trading days first, then NaN. The last row is void:
days without trading read from it and write to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.indicators.kernels import layout
from tasks.indicators.memory import Memory
from tasks.indicators.script import Script

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

    Masks and series are made once for all that ask for them. With a script, what is done here is
    noted there, and can be done again for other columns (see `move`).
    """

    def __init__(
        self,
        grids: Mapping[str, Array],
        low: int,
        lanes: int,
        memory: Memory,
        script: Script | None = None,
    ) -> None:
        self.low, self.lanes = low, lanes
        self.rows = next(iter(grids.values())).shape[0]
        self._grids = grids
        self._memory = memory
        self._script = script
        self._masks: dict[str, NDArray[np.bool_]] = {}
        self._asked: dict[tuple[str, ...], Days] = {}
        self._days: list[Days] = []
        self._series: dict[tuple[str, int], Array] = {}

    def days(self, names: Iterable[str]) -> Days:
        """The days on which all the named grids are known."""
        key = tuple(dict.fromkeys(names))
        if key not in self._asked:
            trading = self._traded(key)
            alike = (days for days in self._days if np.array_equal(days.trading, trading))
            self._asked[key] = next(alike, None) or self._number(trading)
        return self._asked[key]

    def number(self, days: Days) -> int:
        """Number of some days among those that were asked for."""
        return self._days.index(days)

    def series(self, name: str, days: Days) -> Array:
        """One grid's trading days at the top of its lanes; (T + 1, L)."""
        key = (name, self.number(days))
        if key not in self._series:
            lanes = self._memory.new()
            self._do(partial(self._compact, name, days), lanes)
            self._series[key] = lanes
        return self._series[key]

    def scatter(self, lanes: Array, days: Days, out: NDArray[Any], most: float) -> None:
        """Put a result on trading days where it belongs in a grid; NaN on the other days."""
        self._do(partial(self._scatter, days, out, most), lanes)

    def move(self, low: int) -> bool:
        """Go to the columns from another `low` on, with the buffers and days of before.

        False if grids that were known on the same days there are not here: then nothing that was
        made of them fits.
        """
        self.low = low
        for name, mask in self._masks.items():
            layout.known(self._grids[name], low, mask)
        renewed: set[int] = set()
        for names, days in self._asked.items():
            trading = self._traded(names)
            if id(days) not in renewed:
                days.trading[:] = trading
                renewed.add(id(days))
            elif not np.array_equal(days.trading, trading):
                return False
        for days in self._days:
            self._count(days)
        return True

    def _traded(self, names: tuple[str, ...]) -> NDArray[np.bool_]:
        masks = [self._mask(name) for name in names]
        return masks[0] if len(masks) == 1 else np.logical_and.reduce(masks)

    def _mask(self, name: str) -> NDArray[np.bool_]:
        if name not in self._masks:
            self._masks[name] = self._memory.new(np.bool_)
            layout.known(self._grids[name], self.low, self._masks[name])
        return self._masks[name]

    def _number(self, trading: NDArray[np.bool_]) -> Days:
        counts = np.zeros(self.lanes, dtype=np.int64)
        days = Days(self._memory.new(np.bool_), counts, self._memory.new(np.uint32))
        days.trading[:] = trading
        self._count(days)
        self._days.append(days)
        return days

    def _count(self, days: Days) -> None:
        days.counts[:] = 0
        layout.number_days(days.trading, days.counts, days.place)

    def _compact(self, name: str, days: Days, lanes: Array) -> None:
        layout.compact(self._grids[name], self.low, days.place, days.counts, lanes.reshape(-1))

    def _scatter(self, days: Days, out: NDArray[Any], most: float, lanes: Array) -> None:
        lanes[-1] = np.nan
        layout.scatter(lanes.reshape(-1), days.place, self.low, most, out)

    def _do(self, work: Callable[[Array], None], lanes: Array) -> None:
        work(lanes)
        if self._script is not None:
            self._script.note(work, lanes)
