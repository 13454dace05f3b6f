"""True range and Wilder's directional movement on tiles."""

# ruff: noqa: ARG001 -- every kernel takes scratch, whether it needs it or not
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@kernel
def true_range(h: Array, lo: Array, c: Array, out: Array, s: Array) -> None:
    """Largest of the bar's range and its distances from the close before; from row 1."""
    rows, lanes = h.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        out[0, j] = np.nan
    for t in range(1, rows):
        for j in range(low, high):
            before = c[t - 1, j]
            inside = h[t, j] - lo[t, j]
            out[t, j] = max(inside, max(abs(before - h[t, j]), abs(before - lo[t, j])))  # noqa: PLW3301 -- three-way max does not vectorise


@kernel
def movements(h: Array, lo: Array, plus: Array, minus: Array, s: Array) -> None:
    """+DM and -DM of each bar: the larger move beyond the bar before, the other is 0; row 0: 0."""
    rows, lanes = h.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        plus[0, j] = 0.0
        minus[0, j] = 0.0
    for t in range(1, rows):
        for j in range(low, high):
            up = h[t, j] - h[t - 1, j]
            down = lo[t - 1, j] - lo[t, j]
            plus[t, j] = up if up > max(down, 0.0) else 0.0
            minus[t, j] = down if down > max(up, 0.0) else 0.0


@kernel
def wilder_sum(x: Array, n: int, out: Array, s: Array) -> None:
    """Wilder's decaying sum: x of rows 1 to n - 1 added, then sum - sum / n + x.

    Rows before n hold the sum so far: callers know where they begin.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        out[0, j] = 0.0
    for t in range(1, min(n, rows)):
        for j in range(low, high):
            out[t, j] = out[t - 1, j] + x[t, j]
    for t in range(n, rows):
        for j in range(low, high):
            out[t, j] = out[t - 1, j] - out[t - 1, j] / n + x[t, j]


@kernel
def share(part: Array, whole: Array, start: int, out: Array, s: Array) -> None:
    """100 * part / whole from row `start`, 0 where whole is zero."""
    rows, lanes = part.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            value = 0.0 if whole[t, j] == 0.0 else 100.0 * (part[t, j] / whole[t, j])
            out[t, j] = value if t >= start else np.nan


@kernel
def directional_index(
    plus: Array, minus: Array, ranges: Array, n: int, out: Array, s: Array
) -> None:
    """DX: 100 * |+DI - -DI| / (+DI + -DI) from row n, NaN where nothing moved."""
    rows, lanes = plus.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            up = 100.0 * (plus[t, j] / ranges[t, j])
            down = 100.0 * (minus[t, j] / ranges[t, j])
            both = up + down
            empty = t < n or ranges[t, j] == 0.0 or both == 0.0
            out[t, j] = np.nan if empty else 100.0 * (abs(down - up) / both)


@kernel
def held(x: Array, start: int, out: Array, s: Array) -> None:
    """Values with NaN replaced by the value before (0 at first), from row `start`."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        s[0, j] = 0.0
    for t in range(rows):
        for j in range(low, high):
            s[0, j] = s[0, j] if np.isnan(x[t, j]) else x[t, j]
            out[t, j] = s[0, j] if t >= start else np.nan


@kernel
def adx(dx: Array, n: int, out: Array, s: Array) -> None:
    """Mean of the first n DX (from row n), then (previous * (n - 1) + new) / n.

    As in TA-Lib, an undefined DX counts 0 in the first mean and is left out afterwards.
    """
    rows, lanes = dx.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        s[0, j] = 0.0
    full = 2 * n - 1
    for t in range(min(full + 1, rows)):
        for j in range(low, high):
            s[0, j] += 0.0 if np.isnan(dx[t, j]) else dx[t, j]
            out[t, j] = s[0, j] / n if t == full else np.nan
    for t in range(full + 1, rows):
        for j in range(low, high):
            before = out[t - 1, j]
            known = (before * (n - 1) + dx[t, j]) / n
            out[t, j] = before if np.isnan(dx[t, j]) else known
