"""Order statistics of a window with gaps: quantiles and the newest value's rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@kernel
def window_quantile(x: Array, n: int, q: float, out: Array, s: Array) -> None:
    """Quantile q of the last n rows, interpolated linearly between neighbours as in pandas.

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
                kept = s[i + 1, j] if s[i, j] >= s[leaving, j] else s[i, j]
                s[i, j] = max(s[before, j], min(kept, s[entering, j]))
                s[before, j] = kept
        for j in range(low, high):
            at = (s[count, j] - 1.0) * q
            i = int(at) if at > 0.0 else 0
            below = s[i, j]
            above = s[i + 1, j] if i + 1.0 < s[count, j] else below
            value = below + (above - below) * (at - i)
            out[t, j] = value if s[count, j] > 0.0 else np.nan


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
                s[0, j] += 1.0 if np.isfinite(x[i, j]) else 0.0
                s[1, j] += 1.0 if x[i, j] < x[t, j] and x[i, j] > -np.inf else 0.0
                s[2, j] += 1.0 if x[i, j] == x[t, j] else 0.0
        for j in range(low, high):
            rank = (s[1, j] + (s[2, j] + 1.0) / 2.0) / s[0, j]
            out[t, j] = rank if np.isfinite(x[t, j]) else np.nan
