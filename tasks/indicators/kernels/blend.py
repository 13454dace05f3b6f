"""Arithmetic between results of kernels, one pass and no temporary arrays each."""

# ruff: noqa: ARG001 -- every kernel takes scratch, whether it needs it or not
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


#: running sums of prices below this are the rounding of a flat window
TINY = 1e-14


@kernel
def blend(x: Array, a: float, y: Array, b: float, start: int, out: Array, s: Array) -> None:
    """Sum a * x + b * y from row `start`, NaN before."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            out[t, j] = a * x[t, j] + b * y[t, j] if t >= start else np.nan


@kernel
def product(x: Array, y: Array, out: Array, s: Array) -> None:
    """Product of x and y."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            out[t, j] = x[t, j] * y[t, j]


@kernel
def quotient(
    x: Array, y: Array, times: float, empty: float, tiny: float, out: Array, s: Array
) -> None:
    """Quotient of x and y, `times` a number; `empty` where y is no further from 0 than `tiny`."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            value = x[t, j] / y[t, j] * times
            out[t, j] = empty if abs(y[t, j]) <= tiny else value


@kernel
def root(x: Array, times: float, out: Array, s: Array) -> None:
    """Square root of x, times a number."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            out[t, j] = np.sqrt(x[t, j]) * times


@kernel
def typical(h: Array, lo: Array, c: Array, weight: float, out: Array, s: Array) -> None:
    """Mean of high, low and `weight` closes."""
    rows, lanes = c.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            out[t, j] = (h[t, j] + lo[t, j] + c[t, j] * weight) / (2.0 + weight)


@kernel
def lag(x: Array, n: int, out: Array, s: Array) -> None:
    """Values of n bars ago, NaN before."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            out[t, j] = x[t - n, j] if t >= n else np.nan


@kernel
def running(x: Array, start: int, first: float, growth: float, out: Array, s: Array) -> None:
    """Running total: `first`, then plus x of each row from `start` on, `first` before.

    With `growth` 1 the total grows by x times itself.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        s[0, j] = first
    for t in range(rows):
        for j in range(low, high):
            before = s[0, j]
            times = before if growth > 0.0 else 1.0
            s[0, j] = before + times * x[t, j] if t >= start else before
            out[t, j] = s[0, j]
