"""What a tile keeps in cache: arrays used again, and results that several indicators share.

A tile's arrays are large for a cache and asked for by the hundred, so one that nobody holds any
more is handed out again, the most recently made first. A kernel asked a second time for the same
inputs and parameters gives the result it gave: the average true range of `natr` is that of `atr`.
How often each result will be asked for is known from the tile before, so none is kept for longer
than it is needed.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.arrays.benches import Bench

    Array = NDArray[Any]
    Key = tuple[Any, ...]

#: references to a buffer that nobody uses: the list of buffers, the loop over it, the question
UNUSED = 3


class Memory:
    """The buffers and known results of one tile after the other, all on one bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._shape = (0, 0)
        self._buffers: dict[Any, list[Array]] = {}
        self._scratch: dict[int, Array] = {}
        self._names: dict[int, Key] = {}
        self._known: dict[Key, list[Array]] = {}
        self._asked: Counter[Key] = Counter()
        self._due: Counter[Key] | None = None

    def begin(self, rows: int, lanes: int) -> None:
        """Begin a tile: nothing is known of it yet; buffers of the same shape are used again."""
        self._known.clear()
        self._names.clear()
        if self._asked:
            self._due, self._asked = self._asked, Counter()
        if self._shape != (rows, lanes):
            self._shape = (rows, lanes)
            self._buffers.clear()
            self._scratch.clear()

    def new(self, dtype: Any = np.float64) -> Array:
        """An array of the tile's shape, not initialised."""
        buffers = self._buffers.setdefault(dtype, [])
        for buffer in buffers:
            if sys.getrefcount(buffer) <= UNUSED:
                self._names.pop(id(buffer), None)
                return buffer
        fresh: Array = self.bench.empty(self._shape, dtype)
        buffers.append(fresh)
        return fresh

    def scratch(self, rows: int) -> Array:
        """Rows of one value per lane that keep nothing from one kernel to the next."""
        if rows not in self._scratch:
            self._scratch[rows] = self.bench.empty((rows, self._shape[1]))
        return self._scratch[rows]

    def name(self, array: Array, *name: Any) -> None:
        """Say what an array of this memory holds, so that what is made of it can be known."""
        self._names[id(array)] = name

    def key(self, kernel: Any, arguments: tuple[Any, ...]) -> Key | None:
        """Name of what a kernel makes of its arguments; None if one of them has no name."""
        parts: list[Any] = [kernel]
        for argument in arguments:
            if not hasattr(argument, "shape") or not argument.shape:
                parts.append(argument)
            elif id(argument) in self._names:
                parts.append(self._names[id(argument)])
            else:
                return None
        return tuple(parts)

    def recall(self, key: Key | None) -> list[Array] | None:
        """The results of this name, if they are known."""
        if key is None:
            return None
        self._asked[key] += 1
        return self._known.get(key) if self._needed_again(key) else self._known.pop(key, None)

    def keep(self, key: Key | None, results: list[Array]) -> None:
        """Name results, and keep them if they will be asked for again."""
        if key is None:
            return
        for number, result in enumerate(results):
            self.name(result, key, number)
        if self._needed_again(key):
            self._known[key] = results

    def _needed_again(self, key: Key) -> bool:
        return self._due is None or self._due[key] > self._asked[key]
