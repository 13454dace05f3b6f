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
                v, count, anchor, older = x[t, j], s[0, j], s[3, j], s[4, j]
                old, oldt, oldq = s[number + i, j], s[total + i, j], s[square + i, j]
                known = np.isfinite(v)
                anchor = v if known & (count == 0.0) else anchor
                d = v - anchor if known else 0.0
                count += 1.0 if known else 0.0
                first = s[1, j] + d
                second = s[2, j] + d * d
                s[0, j] = count
                s[1, j] = first
                s[2, j] = second
                s[3, j] = anchor
                shift = older - anchor if count > 0.0 else 0.0
                count += old
                first += oldt + old * shift
                second += oldq + shift * (2.0 * oldt + old * shift)
                q = (second - first * first / count) / (count - 1.0)
                q = q if q > 0.0 else 0.0
                out[t, j] = q if count > 1.0 else np.nan
        if end - begin == n:
            for j in range(low, high):
                s[4, j] = 0.0
            for i in range(n - 1, -1, -1):
                for j in range(low, high):
                    v, count, anchor = x[begin + i, j], s[number + i + 1, j], s[4, j]
                    known = np.isfinite(v)
                    anchor = v if known & (count == 0.0) else anchor
                    d = v - anchor if known else 0.0
                    s[4, j] = anchor
                    s[number + i, j] = count + (1.0 if known else 0.0)
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
                v, count, anchor = x[i, j], s[0, j], s[1, j]
                known = np.isfinite(v)
                anchor = v if known & (count == 0.0) else anchor
                s[1, j] = anchor
                s[0, j] = count + (1.0 if known else 0.0)
                s[2, j] += v - anchor if known else 0.0
        for j in range(low, high):
            s[1, j] += s[2, j] / s[0, j]
            s[2, j] = 0.0
        for i in range(begin, t + 1):
            for j in range(low, high):
                v, mean = x[i, j], s[1, j]
                d = v - mean if np.isfinite(v) else 0.0
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
                v = x[i, j]
                known = np.isfinite(v)
                s[0, j] += 1.0 if known else 0.0
                s[1, j] += v if known else 0.0
        for j in range(low, high):
            s[1, j] /= s[0, j]
        for i in range(begin, t + 1):
            for j in range(low, high):
                v, mean = x[i, j], s[1, j]
                s[2, j] += abs(v - mean) if np.isfinite(v) else 0.0
        for j in range(low, high):
            count = s[0, j]
            mean = s[2, j] / count
            out[t, j] = mean if count > 0.0 else np.nan
