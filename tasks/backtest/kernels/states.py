"""From indicator tables to wishes: 1 where a parameter set wants to hold after the day's close."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Index = NDArray[np.int64]
    Bytes = NDArray[np.uint8]


@kernel
def macd(
    table: Array, fast: Index, slow: Index, windows: Index, signal: Index, close: Array,
    band: float, out: Bytes,
) -> None:  # fmt: skip
    """Hold while the difference of two averages lies above its own exponential mean.

    Args:
        table: exponential averages (W, m); `windows` names their lengths.
        fast: row of the fast average for each set, (K,).
        slow: row of the slow one.
        windows: (W,).
        signal: length of the mean of the difference, (K,).
        close: (m,).
        band: smallest difference that counts, fraction of the close.
        out: (K, m).
    """
    m = table.shape[1]
    for k in range(first_lane(len(fast)), end_lane(len(fast))):
        upper, lower, n = table[fast[k]], table[slow[k]], signal[k]
        start = max(windows[fast[k]], windows[slow[k]]) - 1
        mean, share = 0.0, 2.0 / (n + 1.0)
        for t in range(m):
            out[k, t] = 0
            if t < start:
                continue
            line = upper[t] - lower[t]
            if t < start + n:
                mean += line / n
            else:
                mean += share * (line - mean)
            if t >= start + n - 1:
                out[k, t] = line - mean > band * close[t]


@kernel
def between(table: Array, row: Index, enter: Array, leave: Array, out: Bytes) -> None:
    """Hold from a value below `enter` until one above `leave`; NaN decides nothing."""
    m = table.shape[1]
    for k in range(first_lane(len(row)), end_lane(len(row))):
        values, low, high = table[row[k]], enter[k], leave[k]
        held = False
        for t in range(m):
            if values[t] < low:
                held = True
            elif values[t] > high:
                held = False
            out[k, t] = held


@kernel
def breakout(
    close: Array, highest: Array, lowest: Array, up: Index, down: Index, out: Bytes
) -> None:
    """Hold from a close above row `up` of `highest` until one below row `down` of `lowest`."""
    m = len(close)
    for k in range(first_lane(len(up)), end_lane(len(up))):
        top, bottom = highest[up[k]], lowest[down[k]]
        held = False
        for t in range(m):
            if close[t] > top[t]:
                held = True
            elif close[t] < bottom[t]:
                held = False
            out[k, t] = held


@kernel
def ranked(scores: Array, row: Index, levels: Array, rows: Index, out: Bytes) -> None:
    """Hold from one ranking to the next if the score reached the level of the ranking.

    Args:
        scores: (U, m), of one stock on its trading days; NaN: not ranked.
        row: row of `scores` for each set, (K,).
        levels: (K, T), lowest score that is chosen; NaN on days without a ranking.
        rows: calendar row of each trading day, (m,).
        out: (K, m).
    """
    sets, m = out.shape
    for k in range(first_lane(sets), end_lane(sets)):
        held, seen = False, 0
        for t in range(m):
            while seen < rows[t]:  # rankings on days when the stock rested
                if levels[k, seen] == levels[k, seen]:
                    held = False
                seen += 1
            level = levels[k, rows[t]]
            if level == level:
                held = scores[row[k], t] >= level
            seen = rows[t] + 1
            out[k, t] = held


@kernel
def enter_leave(enter: Array, leave: Array, out: Array) -> None:
    """Hold from a positive `enter` until a positive `leave`, which wins; NaN decides nothing.

    All three (T, N); `out` becomes 1 or 0.
    """
    days, count = enter.shape
    held = np.zeros(count)
    for t in range(days):
        for n in range(count):
            if leave[t, n] > 0.0:
                held[n] = 0.0
            elif enter[t, n] > 0.0:
                held[n] = 1.0
            out[t, n] = held[n]
