"""What targets and signals say: equal parts of what is to be held, how much of a row is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Whole = NDArray[np.int64]


@kernel
def equal_parts(signals: Array, out: Array) -> None:
    """Write weights that share one among the active stocks of a row; each row is a lane.

    Args:
        signals: (T, N), above zero: hold; zero, below or NaN: do not hold.
        out: (T, N), NaN where a row's active stocks are those of the row before.
    """
    rows, count = signals.shape
    for t in range(first_lane(rows), end_lane(rows)):
        active, changed = 0, 0
        before = signals[max(t - 1, 0)]
        for n in range(count):
            now = signals[t, n] > 0.0
            active += now
            changed += now != (before[n] > 0.0)
        share = 1.0 / max(active, 1)
        rest = 0.0
        if t > 0 and changed == 0:
            share = rest = np.nan
        for n in range(count):
            out[t, n] = share if signals[t, n] > 0.0 else rest


@kernel
def counts(targets: Array) -> tuple[Whole, Whole]:
    """How many targets of each row are known, and how many of them negative or infinite, (T,)."""
    rows = len(targets)
    known, wrong = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    for t in range(rows):
        here, bad, row = 0, 0, targets[t]
        for n in range(len(row)):
            here += row[n] == row[n]
            bad += (row[n] < 0.0) | (row[n] == np.inf)
        known[t], wrong[t] = here, bad
    return known, wrong
