"""Least-squares line through a window with gaps: slope, fit and residual."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, lane_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@lane_kernel
def window_line(x: Array, n: int, slopes: Array, squares: Array, rests: Array, s: Array) -> None:
    """Regression of the values in the last n rows on their row numbers.

    Slope per row, squared correlation, and the residual of the newest row (NaN where it is
    missing); NaN for fewer than two values. Row numbers count from the border between the older
    and the newer block, so their sums are small exact integers; values are differences from an
    anchor in their block. Scratch: 6 n + 14 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    # newer block: 0 count, 1 sum c, 2 sum cc, 3 sum y, 4 sum cy, 5 sum yy, 6 anchor; 7 older anchor
    m = n + 1
    number, pos, pos2, val, cross, val2 = 8, 8 + m, 8 + 2 * m, 8 + 3 * m, 8 + 4 * m, 8 + 5 * m
    for i in range(8 + 6 * m):
        for j in range(low, high):
            s[i, j] = 0.0
    for begin in range(0, rows, n):
        end = min(begin + n, rows)
        for i in range(7):
            for j in range(low, high):
                s[i, j] = 0.0
        for t in range(begin, end):
            c = float(t - begin)
            i = t - begin + 1
            for j in range(low, high):
                v, count, anchor, older = x[t, j], s[0, j], s[6, j], s[7, j]
                known = np.isfinite(v)
                one = 1.0 if known else 0.0
                anchor = v if known & (count == 0.0) else anchor
                y = v - anchor if known else 0.0
                count += one
                s[0, j] = count
                s[1, j] += one * c
                s[2, j] += one * c * c
                s[3, j] += y
                s[4, j] += c * y
                s[5, j] += y * y
                s[6, j] = anchor
                old, oldc, oldy = s[number + i, j], s[pos + i, j], s[val + i, j]
                shift = older - anchor if count > 0.0 else 0.0
                count += old
                sc = s[1, j] + oldc
                scc = s[2, j] + s[pos2 + i, j]
                sy = s[3, j] + oldy + old * shift
                scy = s[4, j] + s[cross + i, j] + oldc * shift
                syy = s[5, j] + s[val2 + i, j] + shift * (2.0 * oldy + old * shift)
                width = count * scc - sc * sc
                tilt = count * scy - sc * sy
                slope = tilt / width
                height = count * syy - sy * sy
                square = tilt * tilt / (width * height)
                rest = y - (sy + slope * (count * c - sc)) / count
                slopes[t, j] = slope if count > 1.0 else np.nan
                squares[t, j] = square if count > 1.0 else np.nan
                rests[t, j] = rest if known & (count > 1.0) else np.nan
        if end - begin == n:
            for j in range(low, high):
                s[7, j] = 0.0
            for i in range(n - 1, -1, -1):
                c = float(i - n)
                for j in range(low, high):
                    v, count, anchor = x[begin + i, j], s[number + i + 1, j], s[7, j]
                    known = np.isfinite(v)
                    one = 1.0 if known else 0.0
                    anchor = v if known & (count == 0.0) else anchor
                    y = v - anchor if known else 0.0
                    s[7, j] = anchor
                    s[number + i, j] = count + one
                    s[pos + i, j] = s[pos + i + 1, j] + one * c
                    s[pos2 + i, j] = s[pos2 + i + 1, j] + one * c * c
                    s[val + i, j] = s[val + i + 1, j] + y
                    s[cross + i, j] = s[cross + i + 1, j] + c * y
                    s[val2 + i, j] = s[val2 + i + 1, j] + y * y
