"""Highest and lowest of a window on tiles: two comparisons a bar, whatever the window.

Blocks of n rows: a window spans at most two, so its maximum is that of a suffix of the older block
and a prefix of the newer one (van Herk 1992; Gil and Werman 1993).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@kernel
def highest(x: Array, n: int, start: int, out: Array, s: Array) -> None:
    """Largest of the last n bars, NaN before row start + n - 1. Scratch: n + 1 rows."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(min(start + n - 1, rows)):
        for j in range(low, high):
            out[t, j] = np.nan
    for begin in range(start, rows, n):
        end = min(begin + n, rows)
        for t in range(begin, end):
            # s[0] is the prefix of this block; s[i + 1] the suffix of the older one from its row i
            i = t - begin
            for j in range(low, high):
                best = x[t, j] if i == 0 else max(s[0, j], x[t, j])
                s[0, j] = best
                if begin > start:
                    best = best if i == n - 1 else max(best, s[i + 2, j])
                if begin > start or i == n - 1:
                    out[t, j] = best
        if end - begin == n:
            for i in range(n - 1, -1, -1):
                for j in range(low, high):
                    v = x[begin + i, j]
                    s[i + 1, j] = v if i == n - 1 else max(v, s[i + 2, j])


@kernel
def lowest(x: Array, n: int, start: int, out: Array, s: Array) -> None:
    """Smallest of the last n bars, NaN before row start + n - 1. Scratch: n + 1 rows."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(min(start + n - 1, rows)):
        for j in range(low, high):
            out[t, j] = np.nan
    for begin in range(start, rows, n):
        end = min(begin + n, rows)
        for t in range(begin, end):
            i = t - begin
            for j in range(low, high):
                best = x[t, j] if i == 0 else min(s[0, j], x[t, j])
                s[0, j] = best
                if begin > start:
                    best = best if i == n - 1 else min(best, s[i + 2, j])
                if begin > start or i == n - 1:
                    out[t, j] = best
        if end - begin == n:
            for i in range(n - 1, -1, -1):
                for j in range(low, high):
                    v = x[begin + i, j]
                    s[i + 1, j] = v if i == n - 1 else min(v, s[i + 2, j])


@kernel
def bars_since(x: Array, n: int, sign: float, out: Array, s: Array) -> None:
    """Bars since the newest highest (sign 1) or lowest (-1) of the last n + 1; NaN before row n.

    Scratch: 1 row.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(min(n, rows)):
        for j in range(low, high):
            out[t, j] = np.nan
    for t in range(n, rows):
        for j in range(low, high):
            s[0, j] = -np.inf
        for age in range(n, -1, -1):
            for j in range(low, high):
                v, best, found = x[t - age, j] * sign, s[0, j], out[t, j]
                s[0, j] = v if v >= best else best
                out[t, j] = float(age) if v >= best else found
