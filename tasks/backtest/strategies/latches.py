"""Rules that hold from one event until another: events as bits, found once for many sets."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.backtest.kernels import bits
from tasks.backtest.strategies.family import pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.arrays.benches import Bench

    Array = NDArray[np.float64]
    Index = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Crossings:
    """Which rows of a table are to lie beyond which limits, each of them once.

    Attributes:
        rows: (C,).
        limits: (C,).
        sign: 1: above; -1: below.
        place: of each set's among them, (K,).
    """

    rows: Index
    limits: Array
    sign: float
    place: Index

    def bits(self, bench: Bench, table: Array) -> Any:
        """The days on which they do, uint64 (C, words), of a table (W, m); NaN never does."""
        shape = len(self.rows), bits.words(table.shape[1])
        given = table, self.rows, self.limits, self.sign
        return bench.made(bits.crossed, shape, np.uint64, *given)


def crossings(row: Index, limit: Array, sign: float) -> Crossings:
    """The row that each set looks at, (K,), and its limit, (K,); see `Crossings`."""
    found, place = pairs(np.column_stack([row, limit]))
    limits = np.ascontiguousarray(found[:, 1])
    return Crossings(found[:, 0].astype(np.int64), limits, sign, place)


def outside(bench: Bench, close: Array, table: Array, sign: float) -> Any:
    """Days on which the close lies above (`sign` 1) or below (-1) each row of a table, as bits."""
    shape = len(table), bits.words(len(close))
    return bench.made(bits.outside, shape, np.uint64, close, table, sign)


def held(bench: Bench, begin: Any, first: Index, end: Any, second: Index, days: int) -> Any:
    """Wishes of each set, (K, words), from the bits that begin and end its holding."""
    shape, given = (len(first), bits.words(days)), (begin, first, end, second, days)
    return bench.made(bits.latched, shape, np.uint64, *given)
