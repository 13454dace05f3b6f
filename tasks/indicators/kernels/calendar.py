"""Panels on the calendar: where prices begin, and what counts only on trading days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@kernel
def first_known(grid: Array, listed: NDArray[np.int64]) -> None:
    """Lower each column's `listed` (N,) to its first row with a value, if that comes before."""
    rows, symbols = grid.shape
    latest = 0
    for j in range(symbols):
        latest = max(latest, listed[j])
    for t in range(rows):
        if t >= latest:
            return
        latest = 0
        for j in range(symbols):
            first = t if grid[t, j] == grid[t, j] else rows  # unequal only for NaN
            listed[j] = min(listed[j], first)
            latest = max(latest, listed[j])


@kernel
def where_known(grid: Array, price: Array, out: Array) -> None:
    """The grid's values where there is a price, else NaN."""
    rows, symbols = grid.shape
    for t in range(rows):
        for j in range(symbols):
            out[t, j] = grid[t, j] if price[t, j] == price[t, j] else np.nan
