"""A tile of calendar rows: what the operators of the language compute on."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import recycling
from tasks.indicators.kernels import layout
from tasks.indicators.kernels.windows import weights
from tasks.indicators.lanes import Tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.arrays.benches import Bench
    from tasks.indicators.lanes import Array


#: bytes of a tile's array: longer rows hide what each row costs, more bytes would leave the cache
MOST = 1 << 21
#: symbols of a tile at least, however many days there are
NARROWEST = 64
#: float64s that a processor computes at once: rows of a multiple begin where such a piece does
AT_ONCE = 4


def width(rows: int, symbols: int) -> int:
    """Symbols side by side in a tile, about as many in each."""
    most = max(NARROWEST, MOST // (8 * max(rows, 1)) // AT_ONCE * AT_ONCE)
    even = math.ceil(symbols / math.ceil(symbols / most)) if symbols else 1
    return math.ceil(even / AT_ONCE) * AT_ONCE


class Pool:
    """Arrays of tiles that are used again: memory fresh from the system costs more than a sum.

    Each begins where a cache line does, so that no four numbers lie in two lines. On a GPU nothing
    is used again, since work on it is only noted and done later.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench, self.again = bench, bench.kind == "cpu"
        self._free: dict[tuple[int, int], list[Array]] = {}
        self._scratch: dict[int, Array] = {}

    def take(self, rows: int, lanes: int) -> Array:
        """An array of this shape, not initialised."""
        free = self._free.get((rows, lanes))
        return free.pop() if free else self._new(rows, lanes)

    def give(self, array: Array) -> None:
        """Take back an array that nobody reads any more."""
        if self.again:
            rows, lanes = array.shape
            self._free.setdefault((rows, lanes), []).append(array)

    def scratch(self, rows: int, lanes: int) -> Array:
        """The one array for what a kernel keeps in mind while it runs."""
        if not self.again:
            return self._new(rows, lanes)
        kept = self._scratch.get(lanes)
        if kept is None or len(kept) < rows:
            self._scratch[lanes] = kept = self._new(rows, lanes)
        return kept[:rows]

    def _new(self, rows: int, lanes: int) -> Array:
        if self.again:
            return recycling.empty((rows, lanes), np.float64)
        return self.bench.empty((rows, lanes))  # type: ignore[no-any-return]


@dataclasses.dataclass(frozen=True)
class CalendarTile(Tile):
    """A tile whose rows are the calendar's.

    Attributes:
        listed: first row of each lane with a price, T for one without any; int64 (L,).
        pool: where its arrays come from and go to.
    """

    listed: NDArray[np.int64] = dataclasses.field(kw_only=True)
    pool: Pool = dataclasses.field(kw_only=True)

    def new(self) -> Array:
        """An array of the tile's shape, not initialised."""
        return self.pool.take(self.rows, self.lanes)

    def scratch(self, rows: int) -> Array:
        """Rows of one value per lane for one kernel's run, not initialised."""
        return self.pool.scratch(rows, self.lanes)

    def load(self, grid: Array, low: int) -> Array:
        """Columns `low` and on of a grid (T, N)."""
        on_cpu = self.bench.kind == "cpu"
        loaded = self.new() if on_cpu else np.empty((self.rows, self.lanes))
        layout.load(grid, low, loaded)
        return self.bench.enter(loaded)  # type: ignore[no-any-return]

    def window(self, days: int) -> int:
        """Rows of a window: 0 means all so far, and more than there are changes nothing."""
        return max(1, self.rows if days == 0 else min(days, self.rows))

    def clear_unlisted(self, values: Any) -> Array:
        """The values with rows before the listing cleared; a lone number fills the tile first."""
        filled: Array = values
        if not np.ndim(values):
            filled = self.new()
            filled[:] = values
        self.bench.call(weights.unlisted, self.lanes, self.listed, filled)
        return filled
