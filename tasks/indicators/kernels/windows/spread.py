"""Variance, skewness, kurtosis and mean deviation of a window with gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@kernel
def window_variance(x: Array, n: int, out: Array, s: Array) -> None:
    """Sample variance (divided by count - 1) of the last n rows; NaN for fewer than two values.

    Sums are of differences from an anchor inside the window: the last value of the older block
    and the first of the newer one, so equal values have exactly no variance. Scratch: 3 n + 8 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    # newer block: 0 count, 1 sum, 2 squares, 3 anchor; 4 older block's anchor; then its suffixes
    number, total, square = 5, n + 6, 2 * n + 7
    for i in range(3 * n + 8):
        for j in range(low, high):
            s[i, j] = 0.0
    for begin in range(0, rows, n):
        end = min(begin + n, rows)
        for i in range(4):
            for j in range(low, high):
                s[i, j] = 0.0
        for t in range(begin, end):
            i = t - begin + 1
            for j in range(low, high):
                known = np.isfinite(x[t, j])
                anchor = x[t, j] if known and s[0, j] == 0.0 else s[3, j]
                d = x[t, j] - anchor if known else 0.0
                s[0, j] += 1.0 if known else 0.0
                s[1, j] += d
                s[2, j] += d * d
                s[3, j] = anchor
                old = s[number + i, j]
                shift = s[4, j] - anchor if s[0, j] > 0.0 else 0.0
                count = s[0, j] + old
                first = s[1, j] + s[total + i, j] + old * shift
                second = s[2, j] + s[square + i, j]
                second += shift * (2.0 * s[total + i, j] + old * shift)
                v = (second - first * first / count) / (count - 1.0)
                out[t, j] = max(v, 0.0) if count > 1.0 else np.nan
        if end - begin == n:
            for j in range(low, high):
                s[4, j] = 0.0
            for i in range(n - 1, -1, -1):
                for j in range(low, high):
                    v = x[begin + i, j]
                    known = np.isfinite(v)
                    anchor = v if known and s[number + i + 1, j] == 0.0 else s[4, j]
                    d = v - anchor if known else 0.0
                    s[4, j] = anchor
                    s[number + i, j] = s[number + i + 1, j] + (1.0 if known else 0.0)
                    s[total + i, j] = s[total + i + 1, j] + d
                    s[square + i, j] = s[square + i + 1, j] + d * d


@kernel
def window_shape(x: Array, n: int, fourth: bool, out: Array, s: Array) -> None:
    """Skewness, or excess kurtosis with `fourth`, of the last n rows, bias-corrected as in pandas.

    NaN for fewer than three (four) values; equal values have skewness 0 and kurtosis -3.
    Scratch: 6 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        begin = max(0, t - n + 1)
        for i in range(6):
            for j in range(low, high):
                s[i, j] = 0.0
        for i in range(begin, t + 1):
            for j in range(low, high):
                known = np.isfinite(x[i, j])
                s[1, j] = x[i, j] if known and s[0, j] == 0.0 else s[1, j]
                s[0, j] += 1.0 if known else 0.0
                s[2, j] += x[i, j] - s[1, j] if known else 0.0
        for j in range(low, high):
            s[1, j] += s[2, j] / s[0, j]
            s[2, j] = 0.0
        for i in range(begin, t + 1):
            for j in range(low, high):
                d = x[i, j] - s[1, j] if np.isfinite(x[i, j]) else 0.0
                s[2, j] += d * d
                s[3, j] += d * d * d
                s[4, j] += d * d * d * d
        for j in range(low, high):
            c = s[0, j]
            v = s[2, j] / c
            skew = np.sqrt(c * (c - 1.0)) / (c - 2.0) * (s[3, j] / c) / (v * np.sqrt(v))
            kurt = (c * c - 1.0) * (s[4, j] / c) / (v * v) - 3.0 * (c - 1.0) * (c - 1.0)
            kurt = kurt / ((c - 2.0) * (c - 3.0))
            flat = v == 0.0
            value = (-3.0 if flat else kurt) if fourth else (0.0 if flat else skew)
            out[t, j] = value if c >= (4.0 if fourth else 3.0) else np.nan


@kernel
def window_deviation(x: Array, n: int, out: Array, s: Array) -> None:
    """Mean absolute deviation from the mean of the last n rows. Scratch: 3 rows."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        begin = max(0, t - n + 1)
        for i in range(3):
            for j in range(low, high):
                s[i, j] = 0.0
        for i in range(begin, t + 1):
            for j in range(low, high):
                known = np.isfinite(x[i, j])
                s[0, j] += 1.0 if known else 0.0
                s[1, j] += x[i, j] if known else 0.0
        for j in range(low, high):
            s[1, j] /= s[0, j]
        for i in range(begin, t + 1):
            for j in range(low, high):
                s[2, j] += abs(x[i, j] - s[1, j]) if np.isfinite(x[i, j]) else 0.0
        for j in range(low, high):
            out[t, j] = s[2, j] / s[0, j] if s[0, j] > 0.0 else np.nan
