"""Oscillators on tiles: RSI, stochastics, CCI, changes over n bars."""

# ruff: noqa: ARG001 -- every kernel takes scratch, whether it needs it or not
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel, step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: mean deviations below this part of the price are rounding of a flat window
NOISE = 1e-13


@kernel
def rsi(x: Array, n: int, out: Array, s: Array) -> None:
    """Relative strength, 0 to 100, by Wilder's smoothing; 0 where nothing moved. Scratch: 2."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        s[0, j] = 0.0  # mean gain
        s[1, j] = 0.0  # mean loss
        out[0, j] = np.nan
    for t in range(1, min(n + 1, rows)):
        for j in range(low, high):
            d = x[t, j] - x[t - 1, j]
            s[0, j] += max(d, 0.0)
            s[1, j] += max(-d, 0.0)
            if t == n:
                s[0, j] /= n
                s[1, j] /= n
            both = s[0, j] + s[1, j]
            strength = 0.0 if both == 0.0 else 100.0 * (s[0, j] / both)
            out[t, j] = strength if t == n else np.nan
    for t in range(n + 1, rows):
        for j in range(low, high):
            d = x[t, j] - x[t - 1, j]
            gain = (s[0, j] * (n - 1) + max(d, 0.0)) / n
            loss = (s[1, j] * (n - 1) + max(-d, 0.0)) / n
            s[0, j] = gain
            s[1, j] = loss
            both = gain + loss
            out[t, j] = 0.0 if both == 0.0 else 100.0 * (gain / both)


@kernel
def cmo(x: Array, n: int, out: Array, s: Array) -> None:
    """Chande's momentum, -100 to 100, of Wilder's mean gain and loss; 0 where nothing moved."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for j in range(low, high):
        s[0, j] = 0.0  # mean gain
        s[1, j] = 0.0  # mean loss
        out[0, j] = np.nan
    for t in range(1, rows):
        kept = 1.0 if t <= n else n - 1.0
        divider = float(n) if t >= n else 1.0
        for j in range(low, high):
            d = x[t, j] - x[t - 1, j]
            gain = (s[0, j] * kept + max(d, 0.0)) / divider
            loss = (s[1, j] * kept + max(-d, 0.0)) / divider
            s[0, j] = gain
            s[1, j] = loss
            both = gain + loss
            value = 0.0 if both == 0.0 else 100.0 * ((gain - loss) / both)
            out[t, j] = value if t >= n else np.nan


@kernel
def position(x: Array, top: Array, bottom: Array, scale: float, out: Array, s: Array) -> None:
    """Where x lies between bottom and top, times scale; NaN with them.

    0 where they are equal, or differ by no more than rounding does.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            above, below = top[t, j], bottom[t, j]
            place = (x[t, j] - below) / ((above - below) / scale)
            out[t, j] = 0.0 if above - below <= NOISE * abs(above) else place


@kernel
def below_top(x: Array, top: Array, bottom: Array, out: Array, s: Array) -> None:
    """How far x lies below top, -100 (at the bottom) to 0; 0 where there is no range."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            width = (top[t, j] - bottom[t, j]) / -100.0
            out[t, j] = (top[t, j] - x[t, j]) / width if width != 0.0 else 0.0


@step
def _slot(t: int, newest: int, slot: int, n: int) -> int:
    """The row in a slot of TA-Lib's ring buffer, where row t was put in slot `newest`, t % n."""
    return t - newest + slot - (n if slot > newest else 0)


@step
def _add_window(x: Array, t: int, n: int, low: int, high: int, s: Array) -> None:
    """Add the last n rows of x to s[0], slot by slot; four together load and store it once."""
    newest, whole = t % n, n - n % 4
    for k in range(0, whole, 4):
        r0, r1 = _slot(t, newest, k, n), _slot(t, newest, k + 1, n)
        r2, r3 = _slot(t, newest, k + 2, n), _slot(t, newest, k + 3, n)
        for j in range(low, high):
            s[0, j] = s[0, j] + x[r0, j] + x[r1, j] + x[r2, j] + x[r3, j]
    for k in range(whole, n):
        row = _slot(t, newest, k, n)
        for j in range(low, high):
            s[0, j] += x[row, j]


@step
def _add_distances(x: Array, t: int, n: int, low: int, high: int, s: Array) -> None:
    """Add the distances of the last n rows of x from s[0] to s[1], slot by slot."""
    newest, whole = t % n, n - n % 4
    for k in range(0, whole, 4):
        r0, r1 = _slot(t, newest, k, n), _slot(t, newest, k + 1, n)
        r2, r3 = _slot(t, newest, k + 2, n), _slot(t, newest, k + 3, n)
        for j in range(low, high):
            m = s[0, j]
            two = s[1, j] + abs(x[r0, j] - m) + abs(x[r1, j] - m)
            s[1, j] = two + abs(x[r2, j] - m) + abs(x[r3, j] - m)
    for k in range(whole, n):
        row = _slot(t, newest, k, n)
        for j in range(low, high):
            s[1, j] += abs(x[row, j] - s[0, j])


@kernel
def cci(typical: Array, n: int, out: Array, s: Array) -> None:
    """Commodity channel index, 0 where the window is flat. Scratch: 2 rows.

    Sums run in the order of TA-Lib's ring buffer (row modulo n), which makes the bits its own.
    """
    rows, lanes = typical.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(min(n - 1, rows)):
        for j in range(low, high):
            out[t, j] = np.nan
    for t in range(n - 1, rows):
        for j in range(low, high):
            s[0, j] = 0.0
            s[1, j] = 0.0
        _add_window(typical, t, n, low, high, s)
        for j in range(low, high):
            s[0, j] /= n
        _add_distances(typical, t, n, low, high, s)
        for j in range(low, high):
            away = typical[t, j] - s[0, j]
            flat = s[1, j] / n <= NOISE * abs(s[0, j])
            out[t, j] = 0.0 if flat else away / (0.015 * (s[1, j] / n))


@kernel
def change(x: Array, n: int, out: Array, s: Array) -> None:
    """Each value less that of n bars ago."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            out[t, j] = x[t, j] - x[t - n, j] if t >= n else np.nan


@kernel
def ratio(x: Array, n: int, less: float, times: float, out: Array, s: Array) -> None:
    """(value / value of n bars ago - less) * times; NaN where the older one is zero."""
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    for t in range(rows):
        for j in range(low, high):
            old = x[t - n, j] if t >= n else 0.0
            value = (x[t, j] / old - less) * times
            out[t, j] = value if old != 0.0 else np.nan
