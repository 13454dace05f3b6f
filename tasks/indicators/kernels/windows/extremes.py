"""Highest and lowest of a window with gaps, and where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@kernel
def window_highest(x: Array, n: int, sign: float, out: Array, s: Array) -> None:
    """Highest (sign 1) or lowest (sign -1) of the last n rows. Scratch: n + 2 rows."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for i in range(n + 2):
        for j in range(low, high):
            s[i, j] = -np.inf
    for begin in range(0, rows, n):
        end = min(begin + n, rows)
        for j in range(low, high):
            s[0, j] = -np.inf
        for t in range(begin, end):
            i = t - begin + 2
            for j in range(low, high):
                v = x[t, j] * sign if np.isfinite(x[t, j]) else -np.inf
                s[0, j] = max(s[0, j], v)
                best = max(s[i, j], s[0, j])
                out[t, j] = best * sign if best > -np.inf else np.nan
        if end - begin == n:
            for i in range(n - 1, -1, -1):
                for j in range(low, high):
                    v = x[begin + i, j]
                    s[i + 1, j] = max(s[i + 2, j], v * sign if np.isfinite(v) else -np.inf)


@kernel
def window_position(
    x: Array, listed: NDArray[np.int64], n: int, sign: float, out: Array, s: Array
) -> None:
    """Place, from 1, of the first highest (sign 1) or lowest (-1) in the last n listed rows.

    As numpy's argmax, which Qlib applies, a missing value comes before any number: the place is
    then that of the window's first gap. Rows before `listed` (L,) are in no window. Scratch:
    2 n + 5 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    best, place = 3, n + 4  # older block's best from its row i on, and the row of it
    for i in range(2 * n + 5):
        for j in range(low, high):
            s[i, j] = -np.inf
    for j in range(low, high):
        s[2, j] = -1.0  # last row with a number
    for begin in range(0, rows, n):
        end = min(begin + n, rows)
        for j in range(low, high):
            s[0, j] = -np.inf
            s[1, j] = 0.0
        for t in range(begin, end):
            i = t - begin + 1
            for j in range(low, high):
                v = x[t, j]
                known = np.isfinite(v)
                v = v * sign if known else (np.inf if t >= listed[j] else -np.inf)
                better = v > s[0, j]
                s[0, j] = v if better else s[0, j]
                s[1, j] = float(t) if better else s[1, j]
                s[2, j] = float(t) if known else s[2, j]
                older = s[best + i, j] >= s[0, j]
                row = s[place + i, j] if older else s[1, j]
                start = max(t - n + 1, listed[j])
                some = s[2, j] >= start
                out[t, j] = row - start + 1.0 if some else np.nan
        if end - begin == n:
            for i in range(n - 1, -1, -1):
                for j in range(low, high):
                    v = x[begin + i, j]
                    gap = np.inf if begin + i >= listed[j] else -np.inf
                    v = v * sign if np.isfinite(v) else gap
                    better = v >= s[best + i + 1, j]
                    s[best + i, j] = v if better else s[best + i + 1, j]
                    s[place + i, j] = float(begin + i) if better else s[place + i + 1, j]
