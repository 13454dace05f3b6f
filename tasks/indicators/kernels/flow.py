"""Volume indicators on tiles."""

# ruff: noqa: ARG001 -- every kernel takes scratch, whether it needs it or not
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


#: a running sum is known to this part of the largest number that went into it
ROUNDING = 1e-13


@kernel
def obv(x: Array, volume: Array, out: Array, s: Array) -> None:
    """On-balance volume: begins with the first bar's volume, adds on rises, subtracts on falls."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        out[0, j] = volume[0, j]
    for t in range(1, rows):
        for j in range(low, high):
            up = 1.0 if x[t, j] > x[t - 1, j] else 0.0
            down = 1.0 if x[t, j] < x[t - 1, j] else 0.0
            out[t, j] = out[t - 1, j] + (up - down) * volume[t, j]


@kernel
def mfi(typical: Array, volume: Array, n: int, out: Array, s: Array) -> None:
    """Money flow index, 0 to 100; 0 where no money flowed. Scratch: 3 rows."""
    rows, lanes = typical.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        s[0, j] = 0.0  # inflow over the window
        s[1, j] = 0.0  # outflow
        s[2, j] = 0.0  # sums below this are the rounding of what has left the window
        out[0, j] = np.nan
    for t in range(1, rows):
        if t > n:
            for j in range(low, high):
                moved = typical[t - n, j] - typical[t - n - 1, j]
                money = typical[t - n, j] * volume[t - n, j]
                s[0, j] -= money if moved > 0.0 else 0.0
                s[1, j] -= money if moved < 0.0 else 0.0
        for j in range(low, high):
            moved = typical[t, j] - typical[t - 1, j]
            money = typical[t, j] * volume[t, j]
            s[0, j] += money if moved > 0.0 else 0.0
            s[1, j] += money if moved < 0.0 else 0.0
            s[2, j] = max(s[2, j], money * ROUNDING)
            both = s[0, j] + s[1, j]
            share = min(max(100.0 * (s[0, j] / both), 0.0), 100.0) if both > s[2, j] else 0.0
            out[t, j] = share if t >= n else np.nan


@kernel
def accumulation(h: Array, lo: Array, c: Array, volume: Array, out: Array, s: Array) -> None:
    """Accumulation/distribution: volume times where the close lies in the range, summed up."""
    rows, lanes = c.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        s[0, j] = 0.0
    for t in range(rows):
        for j in range(low, high):
            width = h[t, j] - lo[t, j]
            place = ((c[t, j] - lo[t, j]) - (h[t, j] - c[t, j])) / width
            total = s[0, j] + (place * volume[t, j] if width > 0.0 else 0.0)
            s[0, j] = total
            out[t, j] = total


@kernel
def ultimate(h: Array, lo: Array, c: Array, pressure: Array, ranges: Array, s: Array) -> None:
    """Buying pressure and true range of each bar from row 1, for the ultimate oscillator."""
    rows, lanes = c.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        pressure[0, j] = 0.0
        ranges[0, j] = 0.0
    for t in range(1, rows):
        for j in range(low, high):
            before = c[t - 1, j]
            bottom = min(lo[t, j], before)
            pressure[t, j] = c[t, j] - bottom
            ranges[t, j] = max(h[t, j], before) - bottom
