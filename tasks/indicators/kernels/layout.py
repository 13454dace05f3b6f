"""Between the calendar grid and lanes compacted to trading days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.compiling import kernel
from tasks.arrays.prefetching import fetch
from tasks.arrays.streaming import stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@kernel
def known(grid: Array, low: int, trading: NDArray[np.bool_]) -> None:
    """Whether each value of the columns `low` and on of a grid (T, N) is a number.

    `trading` may have more rows than the grid: they count as days without trading.
    """
    rows, lanes = grid.shape[0], trading.shape[1]
    for t in range(rows):
        fetch(grid, t, low, lanes)
        values, numbers = grid[t, low : low + lanes], trading[t]
        for j in range(lanes):
            numbers[j] = values[j] == values[j]  # false for NaN
    trading[rows:] = False


@kernel
def number_days(trading: NDArray[np.bool_], counts: Any, place: NDArray[np.uint32]) -> None:
    """Flat position of each cell in the compacted lanes; in the last row where nothing traded."""
    rows, lanes = place.shape
    for t in range(rows):
        days, places = trading[t], place[t]
        for j in range(lanes):
            row = counts[j] if days[j] else rows - 1
            places[j] = row * lanes + j
            counts[j] += days[j]


@kernel
def compact(grid: Array, low: int, place: NDArray[np.uint32], counts: Any, flat: Array) -> None:
    """Move trading days of the columns `low` and on to the top of their lanes; NaN below them."""
    rows, lanes = grid.shape[0], place.shape[1]
    for t in range(rows):
        values, places = grid[t, low : low + lanes], place[t]
        for j in range(lanes):
            flat[places[j]] = values[j]
    shortest = rows
    for j in range(lanes):
        shortest = min(shortest, counts[j])
    for t in range(shortest, rows + 1):
        for j in range(lanes):
            if t >= counts[j]:
                flat[t * lanes + j] = np.nan


@kernel
def scatter(flat: Array, place: NDArray[np.uint32], low: int, most: float, out: Any) -> None:
    """Move lanes (flattened, last row NaN) back to columns `low` and on of a grid of any dtype.

    What is larger than `most`, in either direction, becomes NaN.
    """
    rows, lanes = out.shape[0], place.shape[1]
    for t in range(rows):
        places = place[t]
        for j in range(lanes):
            x = flat[places[j]]
            stream(out, t, low + j, x if abs(x) <= most else np.nan)


@kernel
def load(grid: Array, low: int, out: Array) -> None:
    """Copy columns `low` and on of a grid (T, N) into a tile (T, L)."""
    rows, lanes = out.shape
    for t in range(rows):
        fetch(grid, t, low, lanes)
        for j in range(lanes):
            out[t, j] = grid[t, low + j]


@kernel
def store(tile: Array, low: int, out: Any) -> None:
    """Copy a tile (T, L) into columns `low` and on of a grid of any dtype."""
    rows, lanes = tile.shape
    for t in range(rows):
        for j in range(lanes):
            stream(out, t, low + j, tile[t, j])


@kernel
def store_quotient(x: Array, y: Array, low: int, out: Any, s: Array) -> None:
    """Divide one tile (T, L) by another into columns `low` and on of a grid of any dtype.

    Scratch: 1 row, since several numbers are divided at once, but stored past the cache one by one.
    """
    rows, lanes = x.shape
    for t in range(rows):
        for j in range(lanes):
            s[0, j] = x[t, j] / y[t, j]
        for j in range(lanes):
            stream(out, t, low + j, s[0, j])
