"""Variance and correlation of a window on tiles.

Sums are taken of differences from an anchor and started afresh every n bars with the newest bar as
anchor, so they neither drift nor cancel; a window of equal values has exactly no variance.
"""

# ruff: noqa: ARG001 -- every kernel takes scratch, whether it needs it or not
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@kernel
def variance(x: Array, n: int, start: int, out: Array, s: Array) -> None:
    """Population variance (divided by n) of the last n bars. Scratch: 4 rows."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):  # s[3] counts the equal bars that end here
            same = t > start and x[t, j] == x[t - 1, j]
            s[3, j] = s[3, j] + 1.0 if same else 1.0
        if t < start + n - 1:
            for j in range(low, high):
                out[t, j] = np.nan
            continue
        if (t - start - n + 1) % n == 0:
            for j in range(low, high):
                s[0, j] = x[t, j]
                s[1, j] = 0.0
                s[2, j] = 0.0
            for i in range(t - n + 1, t + 1):
                for j in range(low, high):
                    d = x[i, j] - s[0, j]
                    s[1, j] += d
                    s[2, j] += d * d
        else:
            for j in range(low, high):
                new = x[t, j] - s[0, j]
                old = x[t - n, j] - s[0, j]
                s[1, j] += new - old
                s[2, j] += new * new - old * old
        for j in range(low, high):
            v = (s[2, j] - s[1, j] * s[1, j] / n) / n
            out[t, j] = 0.0 if s[3, j] >= n or v < 0.0 else v


@kernel
def covariance(x: Array, y: Array, n: int, start: int, out: Array, s: Array) -> None:
    """Population covariance (divided by n) of the last n bars. Scratch: 5 rows."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(min(start + n - 1, rows)):
        for j in range(low, high):
            out[t, j] = np.nan
    for t in range(start + n - 1, rows):
        if (t - start - n + 1) % n == 0:
            for j in range(low, high):
                s[0, j] = x[t, j]
                s[1, j] = y[t, j]
                s[2, j] = 0.0
                s[3, j] = 0.0
                s[4, j] = 0.0
            for i in range(t - n + 1, t + 1):
                for j in range(low, high):
                    dx = x[i, j] - s[0, j]
                    dy = y[i, j] - s[1, j]
                    s[2, j] += dx
                    s[3, j] += dy
                    s[4, j] += dx * dy
        else:
            for j in range(low, high):
                dx, ox = x[t, j] - s[0, j], x[t - n, j] - s[0, j]
                dy, oy = y[t, j] - s[1, j], y[t - n, j] - s[1, j]
                s[2, j] += dx - ox
                s[3, j] += dy - oy
                s[4, j] += dx * dy - ox * oy
        for j in range(low, high):
            out[t, j] = (s[4, j] - s[2, j] * s[3, j] / n) / n


@kernel
def correlation(xy: Array, xx: Array, yy: Array, out: Array, s: Array) -> None:
    """Correlation of a covariance and two variances, 0 where either is 0, within [-1, 1]."""
    rows, lanes = xy.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            r = min(1.0, max(-1.0, xy[t, j] / np.sqrt(xx[t, j] * yy[t, j])))
            flat = xx[t, j] == 0.0 or yy[t, j] == 0.0
            out[t, j] = 0.0 if flat else (xy[t, j] if np.isnan(xy[t, j]) else r)


@kernel
def line(x: Array, n: int, slope: Array, last: Array, s: Array) -> None:
    """Least-squares line through the last n bars: its slope per bar and its newest value.

    Sums are of differences from the newest bar, so that nothing cancels; four bars at a time, so
    that the sums so far are loaded and stored once for them. Scratch: 2 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    whole = n - n % 4
    for t in range(min(n - 1, rows)):
        for j in range(low, high):
            slope[t, j] = np.nan
            last[t, j] = np.nan
    mean = (n - 1.0) / 2.0
    width = n * (n * n - 1.0) / 12.0
    for t in range(n - 1, rows):
        for j in range(low, high):
            s[0, j] = 0.0
            s[1, j] = 0.0
        for i in range(0, whole, 4):
            oldest, place = t - n + 1 + i, i - mean
            for j in range(low, high):
                newest = x[t, j]
                a, b = x[oldest, j] - newest, x[oldest + 1, j] - newest
                c, d = x[oldest + 2, j] - newest, x[oldest + 3, j] - newest
                s[0, j] = s[0, j] + a + b + c + d
                weighted = s[1, j] + a * place + b * (place + 1.0)
                s[1, j] = weighted + c * (place + 2.0) + d * (place + 3.0)
        for i in range(whole, n):
            place = i - mean
            for j in range(low, high):
                d = x[t - n + 1 + i, j] - x[t, j]
                s[0, j] += d
                s[1, j] += d * place
        for j in range(low, high):
            m = s[1, j] / width
            slope[t, j] = m
            last[t, j] = x[t, j] + s[0, j] / n + m * mean


@kernel
def mean_deviation(x: Array, n: int, out: Array, s: Array) -> None:
    """Mean absolute distance of the last n bars from their mean. Scratch: 2 rows."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(min(n - 1, rows)):
        for j in range(low, high):
            out[t, j] = np.nan
    for t in range(n - 1, rows):
        for j in range(low, high):
            s[0, j] = 0.0
            s[1, j] = 0.0
        for i in range(t - n + 1, t + 1):
            for j in range(low, high):
                s[0, j] += x[i, j]
        for i in range(t - n + 1, t + 1):
            for j in range(low, high):
                s[1, j] += abs(x[i, j] - s[0, j] / n)
        for j in range(low, high):
            out[t, j] = s[1, j] / n
