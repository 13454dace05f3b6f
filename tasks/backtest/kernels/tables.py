"""Indicator tables of one stock for many windows: one row per window, trading days along the row.

Every value uses nothing after its own day; NaN until a window is full.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel
from tasks.backtest.kernels.moving import moving_averages

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Index = NDArray[np.int64]


@kernel
def exponential_averages(values: Array, windows: Index) -> Array:
    """Exponential means with weight 2 / (n + 1), started with the plain mean of the first n."""
    m = len(values)
    out = np.full((len(windows), m), np.nan)
    for w in range(len(windows)):
        n = windows[w]
        if n > m:
            continue
        mean = 0.0
        for t in range(n):
            mean += values[t]
        mean /= n
        out[w, n - 1] = mean
        share = 2.0 / (n + 1.0)
        for t in range(n, m):
            mean += share * (values[t] - mean)
            out[w, t] = mean
    return out


@kernel
def relative_strength(close: Array, windows: Index) -> Array:
    """Wilder's RSI, 0 to 100: smoothed gains over smoothed moves; 50 where nothing moved.

    J. W. Wilder, "New Concepts in Technical Trading Systems" (1978).
    """
    m = len(close)
    out = np.full((len(windows), m), np.nan)
    for w in range(len(windows)):
        n = windows[w]
        if n >= m:
            continue
        gain, loss = 0.0, 0.0
        for t in range(1, n + 1):
            change = close[t] - close[t - 1]
            gain += max(change, 0.0) / n
            loss += max(-change, 0.0) / n
        for t in range(n, m):
            if t > n:
                change = close[t] - close[t - 1]
                gain += (max(change, 0.0) - gain) / n
                loss += (max(-change, 0.0) - loss) / n
            moves = gain + loss
            out[w, t] = 100.0 * gain / moves if moves > 1e-12 * close[t] else 50.0
    return out


@kernel
def standard_scores(close: Array, windows: Index, floor: float) -> Array:
    """Distance of the close from its mean in (population) standard deviations of the window.

    Zero where the deviation is below `floor` times the mean: a price that does not move.
    """
    m = len(close)
    means, squares = moving_averages(close, windows), moving_averages(close * close, windows)
    out = np.full((len(windows), m), np.nan)
    for w in range(len(windows)):
        for t in range(windows[w] - 1, m):
            mean = means[w, t]
            spread = np.sqrt(max(squares[w, t] - mean * mean, 0.0))
            out[w, t] = (close[t] - mean) / spread if spread > floor * mean else 0.0
    return out


@kernel
def volatilities(close: Array, windows: Index) -> Array:
    """Root mean square of the last n daily returns; the mean return is taken as zero."""
    m = len(close)
    squares = np.zeros(m)
    for t in range(1, m):
        change = close[t] / close[t - 1] - 1.0
        squares[t] = change * change
    out = np.full((len(windows), m), np.nan)
    means = moving_averages(squares[1:], windows)
    for w in range(len(windows)):
        for t in range(1, m):
            out[w, t] = np.sqrt(max(means[w, t - 1], 0.0))
    return out


@kernel
def earlier_extremes(values: Array, windows: Index, sign: float) -> Array:
    """Highest (`sign` 1) or lowest (-1) of the n values *before* each day.

    Any window is covered by two that overlap and are as long as a power of two.
    """
    m = len(values)
    longest, levels = 1, 1
    for n in windows:
        longest = max(longest, n)
    while 2 << (levels - 1) <= longest:
        levels += 1
    tops = np.empty((levels, m))
    for t in range(m):
        tops[0, t] = sign * values[t]
    for level in range(1, levels):
        half = 1 << (level - 1)
        top, left, right = tops[level], tops[level - 1], tops[level - 1, half:]
        for t in range(m - 2 * half + 1):
            top[t] = max(left[t], right[t])
    out = np.full((len(windows), m), np.nan)
    for w in range(len(windows)):
        n, level = windows[w], 0
        while 2 << level <= n:
            level += 1
        found, left, right = out[w, n:], tops[level], tops[level, n - (1 << level) :]
        for t in range(m - n):  # counts from zero: the compiler then takes many days at once
            found[t] = sign * max(left[t], right[t])
    return out


@kernel
def past_gains(close: Array, lookbacks: Index, skips: Index) -> Array:
    """close[t - skip] / close[t - skip - lookback] - 1 for each pair, in trading days."""
    m = len(close)
    out = np.full((len(lookbacks), m), np.nan)
    for w in range(len(lookbacks)):
        found, later = out[w, lookbacks[w] + skips[w] :], close[lookbacks[w] :]
        for t in range(m - lookbacks[w] - skips[w]):  # counts from zero: many days at once
            found[t] = later[t] / close[t] - 1.0
    return out
