"""Moving averages on tiles, in TA-Lib's order of operations.

`start` is the first row that counts: an average of an indicator begins where that one does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@kernel
def sma(x: Array, n: int, start: int, out: Array, s: Array) -> None:
    """Mean of the last n bars from a running sum; first value at row start + n - 1."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        s[0, j] = 0.0
    full = start + n - 1
    for t in range(min(full, rows)):
        for j in range(low, high):
            s[0, j] += x[t, j] if t >= start else 0.0
            out[t, j] = np.nan
    for t in range(full, rows):
        for j in range(low, high):
            total = s[0, j] + x[t, j]
            out[t, j] = total / n
            s[0, j] = total - x[t - n + 1, j]


@kernel
def ema(x: Array, n: int, start: int, k: float, out: Array, s: Array) -> None:
    """Exponential average with weight k for the new bar, seeded by the mean of the first n."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        s[0, j] = 0.0
    full = start + n - 1
    for t in range(min(full + 1, rows)):
        for j in range(low, high):
            s[0, j] += x[t, j] if t >= start else 0.0
            out[t, j] = s[0, j] / n if t == full else np.nan
    for t in range(full + 1, rows):
        for j in range(low, high):
            out[t, j] = (x[t, j] - out[t - 1, j]) * k + out[t - 1, j]


@kernel
def wma(x: Array, n: int, start: int, out: Array, s: Array) -> None:
    """Linearly weighted average, newest bar n times; from two running sums."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        s[0, j] = 0.0  # plain sum over the window
        s[1, j] = 0.0  # weighted sum, one weight less each bar
    full = start + n - 1
    divider = n * (n + 1) // 2
    for t in range(min(full, rows)):
        for j in range(low, high):
            s[0, j] += x[t, j] if t >= start else 0.0
            s[1, j] += x[t, j] * (t - start + 1) if t >= start else 0.0
            out[t, j] = np.nan
    for t in range(full, rows):
        for j in range(low, high):
            leaving = x[t - n, j] if t > full else 0.0
            plain = s[0, j] + x[t, j] - leaving
            weighted = s[1, j] + x[t, j] * n
            out[t, j] = weighted / divider
            s[0, j] = plain
            s[1, j] = weighted - plain


@kernel
def wilder(x: Array, n: int, start: int, out: Array, s: Array) -> None:
    """Wilder's smoothing: the mean of the first n, then (previous * (n - 1) + new) / n."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        s[0, j] = 0.0
    full = start + n - 1
    for t in range(min(full + 1, rows)):
        for j in range(low, high):
            s[0, j] += x[t, j] if t >= start else 0.0
            out[t, j] = s[0, j] / n if t == full else np.nan
    for t in range(full + 1, rows):
        for j in range(low, high):
            out[t, j] = (out[t - 1, j] * (n - 1) + x[t, j]) / n


@kernel
def kama(x: Array, n: int, out: Array, s: Array) -> None:
    """Kaufman's adaptive average: the weight grows with the path's straightness. Scratch: 2 rows.

    The first value, on row n, starts from the bar before; weights lie between 2/31 and 2/3.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    fast, slow = 2.0 / 3.0, 2.0 / 31.0
    for j in range(low, high):
        s[0, j] = 0.0  # length of the path over n bars
    for t in range(min(n, rows)):
        for j in range(low, high):
            s[0, j] += abs(x[t, j] - x[t - 1, j]) if t > 0 else 0.0
            s[1, j] = x[t, j]
            out[t, j] = np.nan
    for t in range(n, rows):
        for j in range(low, high):
            path = s[0, j] + abs(x[t, j] - x[t - 1, j])
            way = x[t, j] - x[t - n, j]
            ratio = 1.0 if path <= abs(way) or path < 1e-14 else abs(way) / path
            k = ratio * (fast - slow) + slow
            before = s[1, j]
            value = (x[t, j] - before) * (k * k) + before
            s[1, j] = value
            out[t, j] = value
            s[0, j] = path - abs(x[t - n + 1, j] - x[t - n, j])
