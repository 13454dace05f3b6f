"""Sum, mean and count of a window with gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, lane_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: what `window_sum` gives
SUM, MEAN, COUNT = 0, 1, 2
#: the largest finite number
LARGEST = float(np.finfo(np.float64).max)


@lane_kernel
def window_sum(x: Array, n: int, what: int, out: Array, s: Array) -> None:
    """Sum, mean or count of the values in the last n rows. Scratch: 2 n + 4 rows.

    An empty window has count 0 and no sum or mean (NaN). Infinite values are counted, as pandas
    counts them, and left out of sums and means.
    """
    rows, lanes = x.shape
    most = np.inf if what == COUNT else LARGEST
    low, high = first_lane(lanes), end_lane(lanes)
    tail, number = 2, n + 3  # older block's sums and counts from its row i to its end
    for i in range(2, 2 * n + 4):
        for j in range(low, high):
            s[i, j] = 0.0
    for begin in range(0, rows, n):
        end = min(begin + n, rows)
        for j in range(low, high):
            s[0, j] = 0.0
            s[1, j] = 0.0
        for t in range(begin, end):
            i = t - begin + 1
            for j in range(low, high):
                v = x[t, j]
                known = abs(v) <= most
                total = s[0, j] + (v if known else 0.0)
                count = s[1, j] + (1.0 if known else 0.0)
                s[0, j] = total
                s[1, j] = count
                total += s[tail + i, j]
                count += s[number + i, j]
                value = total / count if what == MEAN else total
                out[t, j] = count if what == COUNT else (value if count > 0.0 else np.nan)
        if end - begin == n:
            for i in range(n - 1, -1, -1):
                for j in range(low, high):
                    v = x[begin + i, j]
                    known = abs(v) <= most
                    s[tail + i, j] = s[tail + i + 1, j] + (v if known else 0.0)
                    s[number + i, j] = s[number + i + 1, j] + (1.0 if known else 0.0)
