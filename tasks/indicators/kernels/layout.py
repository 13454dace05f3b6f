"""Between the calendar grid and lanes compacted to trading days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.compiling import kernel
from tasks.arrays.prefetching import fetch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@kernel
def load_trading(grid: Array, low: int, tile: Array, trading: NDArray[np.bool_]) -> None:
    """Copy columns `low` and on of a grid (T, N) to a tile; clear `trading` (T, L) where NaN."""
    rows, lanes = trading.shape
    for t in range(rows):
        for j in range(lanes):
            x = grid[t, low + j]
            tile[t, j] = x
            trading[t, j] &= x == x  # false for NaN


@kernel
def number_days(trading: NDArray[np.bool_], counts: Any, place: NDArray[np.int32]) -> None:
    """Flat position of each cell in lanes of T + 1 rows; the last row where nothing was traded."""
    rows, lanes = trading.shape
    for t in range(rows):
        for j in range(lanes):
            row = counts[j] if trading[t, j] else rows
            place[t, j] = row * lanes + j
            counts[j] += trading[t, j]


@kernel
def compact(tile: Array, place: NDArray[np.int32], counts: Any, out: Array) -> None:
    """Move a tile's trading days to the top of their lanes; NaN below them."""
    rows, lanes = place.shape
    flat = out.reshape(-1)
    for t in range(rows):
        for j in range(lanes):
            flat[place[t, j]] = tile[t, j]
    shortest = rows
    for j in range(lanes):
        shortest = min(shortest, counts[j])
    for t in range(shortest, rows + 1):
        for j in range(lanes):
            x = out[t, j]
            out[t, j] = x if t < counts[j] else np.nan


@kernel
def scatter(flat: Array, place: NDArray[np.int32], low: int, finite: bool, out: Any) -> None:
    """Move lanes (flattened, last row NaN) back to columns `low` and on of a grid of any dtype.

    With `finite`, infinite values become NaN.
    """
    rows, lanes = place.shape
    for t in range(rows):
        for j in range(lanes):
            x = flat[place[t, j]]
            out[t, low + j] = np.nan if finite and not np.isfinite(x) else x


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
        fetch(out, t, low, lanes)
        for j in range(lanes):
            out[t, low + j] = tile[t, j]
