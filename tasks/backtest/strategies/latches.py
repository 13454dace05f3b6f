"""Rules that hold from one event until another: events as bits, found once for many sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.backtest.kernels import states
from tasks.backtest.strategies.family import pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.arrays.benches import Bench

    Array = NDArray[np.float64]
    Index = NDArray[np.int64]


def below(bench: Bench, table: Array, row: Index, limit: Array) -> tuple[Any, Index]:
    """Days on which a row's value lies below a limit; see `above`."""
    return _crossed(bench, table, row, limit, -1.0)


def above(bench: Bench, table: Array, row: Index, limit: Array) -> tuple[Any, Index]:
    """Days on which a row's value lies above a limit; NaN never does.

    Args:
        bench: what computes.
        table: (W, m).
        row: the row each set looks at, (K,).
        limit: (K,).

    Returns:
        Bits of the days for each distinct row and limit, uint64 (C, words), and the place of each
        set's among them, (K,).
    """
    return _crossed(bench, table, row, limit, 1.0)


def _crossed(
    bench: Bench, table: Array, row: Index, limit: Array, sign: float
) -> tuple[Any, Index]:
    found, place = pairs(np.column_stack([row, limit]))
    rows, limits = found[:, 0].astype(np.int64), np.ascontiguousarray(found[:, 1])
    shape = len(found), words(table.shape[1])
    return bench.made(states.crossed, shape, np.uint64, table, rows, limits, sign), place


def outside(bench: Bench, close: Array, table: Array, sign: float) -> Any:
    """Days on which the close lies above (`sign` 1) or below (-1) each row of a table, as bits."""
    shape = len(table), words(len(close))
    return bench.made(states.outside, shape, np.uint64, close, table, sign)


def held(bench: Bench, begin: Any, first: Index, end: Any, second: Index, days: int) -> Any:
    """Wishes of each set, uint8 (K, days), from the bits that begin and end its holding."""
    return bench.made(states.latched, (len(first), days), np.uint8, begin, first, end, second)


def words(days: int) -> int:
    """Words of sixty-four bits for as many days."""
    return -(-days // states.WORD)
