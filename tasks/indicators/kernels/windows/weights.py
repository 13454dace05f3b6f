"""Weighted averages of a window with gaps, and moves along the calendar."""

# ruff: noqa: ARG001 -- every kernel takes scratch, whether it needs it or not
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, lane_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@lane_kernel
def window_linear(x: Array, listed: NDArray[np.int64], n: int, out: Array, s: Array) -> None:
    """Qlib's WMA: the mean over known values of x times its weight, 1 to n divided by their sum.

    The weights' sum counts gaps, and the mean divides by the number of values again: Qlib's
    definition, not that of a weighted average. Scratch: 2 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            s[0, j] = 0.0
            s[1, j] = 0.0
        for i in range(max(0, t - n + 1), t + 1):
            for j in range(low, high):
                known = np.isfinite(x[i, j])
                weight = float(i - max(t - n + 1, listed[j]) + 1)
                s[0, j] += x[i, j] * weight if known else 0.0
                s[1, j] += 1.0 if known else 0.0
        for j in range(low, high):
            length = float(t - max(t - n + 1, listed[j]) + 1)
            mean = s[0, j] / (length * (length + 1.0) / 2.0) / s[1, j]
            out[t, j] = mean if s[1, j] > 0.0 else np.nan


@lane_kernel
def exponential(x: Array, alpha: float, out: Array, s: Array) -> None:
    """The `ewm(alpha=alpha).mean()` of pandas: weights (1 - alpha)^age over known values.

    A gap ages the values before it and repeats the mean. Scratch: 2 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        s[0, j] = np.nan  # the mean
        s[1, j] = 0.0  # sum of the weights
    for t in range(rows):
        for j in range(low, high):
            known = np.isfinite(x[t, j])
            weight = s[1, j] * (1.0 - alpha)
            mean = s[0, j] + (x[t, j] - s[0, j]) / (weight + 1.0)
            mean = x[t, j] if s[1, j] == 0.0 else mean
            s[0, j] = mean if known else s[0, j]
            s[1, j] = weight + (1.0 if known else 0.0)
            out[t, j] = s[0, j]


@lane_kernel
def expanding_exponential(x: Array, listed: NDArray[np.int64], out: Array, s: Array) -> None:
    """Qlib's EMA over all rows so far: the span grows with them. Scratch: 3 rows.

    Weights are a^age with a = 1 - 2 / (1 + rows so far), normalised with the gaps' weights counted.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            s[0, j] = 0.0
            s[1, j] = 0.0
            s[2, j] = 0.0
        for i in range(t + 1):
            for j in range(low, high):
                a = 1.0 - 2.0 / (2.0 + t - listed[j])
                inside = i >= listed[j]
                known = inside and np.isfinite(x[i, j])
                s[0, j] = s[0, j] * a + (x[i, j] if known else 0.0)
                s[1, j] = s[1, j] * a + (1.0 if inside else 0.0)
                s[2, j] += 1.0 if known else 0.0
        for j in range(low, high):
            out[t, j] = s[0, j] / s[1, j] if s[2, j] > 0.0 else np.nan


@lane_kernel
def moved(x: Array, listed: NDArray[np.int64], n: int, out: Array, s: Array) -> None:
    """The value of n rows ago (n < 0: rows ahead); for n = 0 that of the first listed row."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        if n == 0:
            for j in range(low, high):
                out[t, j] = x[listed[j], j] if t >= listed[j] else np.nan
        elif 0 <= t - n < rows:
            for j in range(low, high):
                out[t, j] = x[t - n, j]
        else:
            for j in range(low, high):
                out[t, j] = np.nan


@lane_kernel
def unlisted(listed: NDArray[np.int64], out: Array) -> None:
    """Clear (NaN) the rows before each lane's first listed one."""
    rows, lanes = out.shape
    low, high = first_lane(lanes), end_lane(lanes)
    last = 0
    for j in range(low, high):
        last = max(last, listed[j])
    for t in range(min(last, rows)):
        for j in range(low, high):
            out[t, j] = np.nan if t < listed[j] else out[t, j]
