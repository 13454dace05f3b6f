"""Order statistics of a window with gaps: quantiles and the newest value's rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@kernel
def window_quantiles(x: Array, n: int, shares: Array, out: Array, s: Array) -> None:
    """Quantiles of the last n rows, interpolated linearly between neighbours as in pandas.

    One result (T, L) of `out` (K, T, L) for each of the K shares: they need the same sorted window.
    The window is kept sorted in scratch, missing values as +inf at its end. One pass over it takes
    the leaving value out and puts the new one in, the same moves for every lane. Scratch:
    n + 5 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    count, leaving, entering, before = n + 1, n + 2, n + 3, n + 4
    for i in range(n + 1):
        for j in range(low, high):
            s[i, j] = np.inf
    for j in range(low, high):
        s[count, j] = 0.0
    for t in range(rows):
        for j in range(low, high):
            known = np.isfinite(x[t, j])
            old = x[t - n, j] if t >= n else np.nan
            s[entering, j] = x[t, j] if known else np.inf
            s[leaving, j] = old if np.isfinite(old) else np.inf
            s[count, j] += (1.0 if known else 0.0) - (1.0 if np.isfinite(old) else 0.0)
            s[before, j] = -np.inf
        for i in range(n):
            for j in range(low, high):
                here, following, gone = s[i, j], s[i + 1, j], s[leaving, j]
                new, lower = s[entering, j], s[before, j]
                kept = following if here >= gone else here
                s[before, j] = kept
                kept = kept if kept < new else new
                s[i, j] = kept if kept > lower else lower
        for k in range(len(shares)):
            for j in range(low, high):
                known_count = s[count, j]
                at = (known_count - 1.0) * shares[k]
                i = int(at) if at > 0.0 else 0
                below = s[i, j]
                above = s[i + 1, j] if i + 1.0 < known_count else below
                value = below + (above - below) * (at - i)
                out[k, t, j] = value if known_count > 0.0 else np.nan


@kernel
def window_rank(x: Array, n: int, out: Array, s: Array) -> None:
    """Rank of the newest value among the last n rows over their count, ties averaged; in (0, 1].

    NaN where the newest value is missing. Scratch: 3 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            s[0, j] = 0.0
            s[1, j] = 0.0
            s[2, j] = 0.0
        for i in range(max(0, t - n + 1), t + 1):
            for j in range(low, high):
                v, newest = x[i, j], x[t, j]
                s[0, j] += 1.0 if np.isfinite(v) else 0.0
                s[1, j] += 1.0 if (v < newest) & (v > -np.inf) else 0.0
                s[2, j] += 1.0 if v == newest else 0.0
        for j in range(low, high):
            rank = (s[1, j] + (s[2, j] + 1.0) / 2.0) / s[0, j]
            out[t, j] = rank if np.isfinite(x[t, j]) else np.nan
