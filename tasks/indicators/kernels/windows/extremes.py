"""Highest and lowest of a window with gaps, and where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, lane_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@lane_kernel
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
                v, newer, older = x[t, j], s[0, j], s[i, j]
                v = v * sign if np.isfinite(v) else -np.inf
                newer = max(newer, v)
                s[0, j] = newer
                best = max(older, newer)
                out[t, j] = best * sign if best > -np.inf else np.nan
        if end - begin == n:
            for i in range(n - 1, -1, -1):
                for j in range(low, high):
                    v = x[begin + i, j]
                    v = v * sign if np.isfinite(v) else -np.inf
                    s[i + 1, j] = max(s[i + 2, j], v)


@lane_kernel
def window_position(
    x: Array, listed: NDArray[np.int64], n: int, sign: float, out: Array, s: Array
) -> None:
    """Place, from 1, of the first highest (sign 1) or lowest (-1) in the last n listed rows.

    As numpy's argmax, which Qlib applies, a missing value comes before any number: the place is
    then that of the window's first gap. Rows before `listed` (L,) are in no window. Scratch:
    2 n + 6 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    # older block's best from its row i on, the row of it; and the first listed row
    best, place, listing = 3, n + 4, 2 * n + 5
    for i in range(2 * n + 6):
        for j in range(low, high):
            s[i, j] = -np.inf
    for j in range(low, high):
        s[2, j] = -1.0  # last row with a number
        s[listing, j] = float(listed[j])
    for begin in range(0, rows, n):
        end = min(begin + n, rows)
        for j in range(low, high):
            s[0, j] = -np.inf
            s[1, j] = 0.0
        for t in range(begin, end):
            i = t - begin + 1
            now, reach = float(t), float(t - n + 1)
            for j in range(low, high):
                v, top, row, last = x[t, j], s[0, j], s[1, j], s[2, j]
                older, older_row, first = s[best + i, j], s[place + i, j], s[listing, j]
                known = np.isfinite(v)
                gap = np.inf if now >= first else -np.inf
                v = v * sign if known else gap
                row = now if v > top else row
                top = v if v > top else top
                last = now if known else last
                s[0, j] = top
                s[1, j] = row
                s[2, j] = last
                row = older_row if older >= top else row
                start = first if first > reach else reach
                out[t, j] = row - start + 1.0 if last >= start else np.nan
        if end - begin == n:
            for i in range(n - 1, -1, -1):
                now = float(begin + i)
                for j in range(low, high):
                    v, first = x[begin + i, j], s[listing, j]
                    top, row = s[best + i + 1, j], s[place + i + 1, j]
                    gap = np.inf if now >= first else -np.inf
                    v = v * sign if np.isfinite(v) else gap
                    s[place + i, j] = now if v >= top else row
                    s[best + i, j] = v if v >= top else top
