"""Order statistics of a window with gaps: quantiles and the newest value's rank."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, lane_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@lane_kernel
def window_quantiles(x: Array, n: int, shares: Array, out: Array, s: Array) -> None:
    """Quantiles of the last n rows, interpolated linearly between neighbours as in pandas.

    One result (T, L) of `out` (K, T, L) for each of the K shares: they need the same sorted window.
    The window is kept sorted in scratch, missing values as +inf at its end. One pass over it, four
    rows at a time, takes the leaving value out and puts the new one in, the same moves for every
    lane. Scratch: n + 8 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    size = (n + 3) // 4 * 4
    count, leaving, entering, before = size + 1, size + 2, size + 3, size + 4
    for i in range(size + 1):
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
        for i in range(0, size, 4):
            for j in range(low, high):
                gone, new, lower = s[leaving, j], s[entering, j], s[before, j]
                a, b, c, d, e = s[i, j], s[i + 1, j], s[i + 2, j], s[i + 3, j], s[i + 4, j]
                # the window without the value that leaves
                a = b if a >= gone else a
                b = c if b >= gone else b
                c = d if c >= gone else c
                d = e if d >= gone else d
                s[before, j] = d
                # and with the one that enters between its neighbours
                s[i, j] = max(min(a, new), lower)
                s[i + 1, j] = max(min(b, new), a)
                s[i + 2, j] = max(min(c, new), b)
                s[i + 3, j] = max(min(d, new), c)
        for k in range(len(shares)):
            for j in range(low, high):
                known_count = s[count, j]
                at = (known_count - 1.0) * shares[k]
                i = int(at) if at > 0.0 else 0
                below = s[i, j]
                above = s[i + 1, j] if i + 1.0 < known_count else below
                value = below + (above - below) * (at - i)
                out[k, t, j] = value if known_count > 0.0 else np.nan


@lane_kernel
def window_rank(x: Array, n: int, out: Array, s: Array) -> None:
    """Rank of the newest value among the last n rows over their count, ties averaged; in (0, 1].

    NaN where the newest value is missing. The window lies in a ring, where the newest row takes the
    oldest one's place, as many rows as four divides: four are compared at a time. Scratch:
    n + 5 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    # 0 count, 1 values below the newest plus those below or equal; then the ring, gaps as NaN
    ring = 2
    end = ring + (n + 3) // 4 * 4
    for i in range(ring, end):
        for j in range(low, high):
            s[i, j] = np.nan
    for j in range(low, high):
        s[0, j] = 0.0
    for t in range(rows):
        place = ring + t % n
        for j in range(low, high):
            v, old = x[t, j], s[place, j]
            known = np.isfinite(v)
            s[place, j] = v if known else np.nan
            s[0, j] += (1.0 if known else 0.0) - (1.0 if old == old else 0.0)
            s[1, j] = 0.0
        for i in range(ring, end, 4):
            for j in range(low, high):
                v = x[t, j]
                a, b, c, d = s[i, j], s[i + 1, j], s[i + 2, j], s[i + 3, j]
                below = (1.0 if a < v else 0.0) + (1.0 if b < v else 0.0)
                below += (1.0 if c < v else 0.0) + (1.0 if d < v else 0.0)
                most = (1.0 if a <= v else 0.0) + (1.0 if b <= v else 0.0)
                most += (1.0 if c <= v else 0.0) + (1.0 if d <= v else 0.0)
                s[1, j] += below + most
        for j in range(low, high):
            rank = (s[1, j] + 1.0) / 2.0 / s[0, j]
            out[t, j] = rank if np.isfinite(x[t, j]) else np.nan
