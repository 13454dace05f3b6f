"""Covariance and correlation of two series over a window with gaps."""

# ruff: noqa: ARG001 -- every kernel takes scratch, whether it needs it or not
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, lane_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@lane_kernel
def window_pair(x: Array, y: Array, n: int, scaled: bool, out: Array, s: Array) -> None:
    """Sample covariance, or correlation with `scaled`, over rows of the last n that have both.

    NaN for fewer than two such rows, and where the correlation has a constant side. Sums as in
    `spread.window_variance`. Scratch: 6 n + 16 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    # newer block: 0 count, 1 x, 2 y, 3 xx, 4 yy, 5 xy, 6 and 7 anchors; 8 and 9 older anchors
    m = n + 1
    number, tx, ty, txx, tyy, txy = 10, 10 + m, 10 + 2 * m, 10 + 3 * m, 10 + 4 * m, 10 + 5 * m
    for i in range(10 + 6 * m):
        for j in range(low, high):
            s[i, j] = 0.0
    for begin in range(0, rows, n):
        end = min(begin + n, rows)
        for i in range(8):
            for j in range(low, high):
                s[i, j] = 0.0
        for t in range(begin, end):
            i = t - begin + 1
            for j in range(low, high):
                v, w, count, ax, ay = x[t, j], y[t, j], s[0, j], s[6, j], s[7, j]
                both = np.isfinite(v) & np.isfinite(w)
                fresh = both & (count == 0.0)
                ax = v if fresh else ax
                ay = w if fresh else ay
                dx = v - ax if both else 0.0
                dy = w - ay if both else 0.0
                count += 1.0 if both else 0.0
                s[0, j] = count
                s[1, j] += dx
                s[2, j] += dy
                s[3, j] += dx * dx
                s[4, j] += dy * dy
                s[5, j] += dx * dy
                s[6, j] = ax
                s[7, j] = ay
                old, ox, oy = s[number + i, j], s[tx + i, j], s[ty + i, j]
                hx, hy = s[8, j] - ax, s[9, j] - ay
                hx = hx if count > 0.0 else 0.0
                hy = hy if count > 0.0 else 0.0
                count += old
                sx = s[1, j] + ox + old * hx
                sy = s[2, j] + oy + old * hy
                sxx = s[3, j] + s[txx + i, j] + hx * (2.0 * ox + old * hx)
                syy = s[4, j] + s[tyy + i, j] + hy * (2.0 * oy + old * hy)
                sxy = s[5, j] + s[txy + i, j] + hx * oy + hy * ox + old * hx * hy
                # each times the count, which cancels in the correlation
                vx = count * sxx - sx * sx
                vy = count * syy - sy * sy
                c = count * sxy - sx * sy
                c = c / (np.sqrt(vx * vy) if scaled else count * (count - 1.0))
                r = min(1.0, max(-1.0, c))
                r = r if (vx > 0.0) & (vy > 0.0) else np.nan
                c = r if scaled else c
                out[t, j] = c if count > 1.0 else np.nan
        if end - begin == n:
            for j in range(low, high):
                s[8, j] = 0.0
                s[9, j] = 0.0
            for i in range(n - 1, -1, -1):
                for j in range(low, high):
                    v, w, ax, ay = x[begin + i, j], y[begin + i, j], s[8, j], s[9, j]
                    count = s[number + i + 1, j]
                    both = np.isfinite(v) & np.isfinite(w)
                    fresh = both & (count == 0.0)
                    ax = v if fresh else ax
                    ay = w if fresh else ay
                    dx = v - ax if both else 0.0
                    dy = w - ay if both else 0.0
                    s[8, j] = ax
                    s[9, j] = ay
                    s[number + i, j] = count + (1.0 if both else 0.0)
                    s[tx + i, j] = s[tx + i + 1, j] + dx
                    s[ty + i, j] = s[ty + i + 1, j] + dy
                    s[txx + i, j] = s[txx + i + 1, j] + dx * dx
                    s[tyy + i, j] = s[tyy + i + 1, j] + dy * dy
                    s[txy + i, j] = s[txy + i + 1, j] + dx * dy


@lane_kernel
def known_spread(r: Array, sx: Array, sy: Array, near: float, out: Array, s: Array) -> None:
    """The result r, NaN where one of two standard deviations is within `near` of zero."""
    rows, lanes = r.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            v, a, b = r[t, j], sx[t, j], sy[t, j]
            flat = (a <= near) | (b <= near)
            out[t, j] = np.nan if flat else v
