"""Variance, skewness, kurtosis and mean deviation of a window with gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, lane_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@lane_kernel
def window_variance(x: Array, n: int, root: bool, out: Array, s: Array) -> None:
    """Sample variance (divided by count - 1) of the last n rows, or its square root with `root`.

    NaN for fewer than two values.
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
                q = (count * second - first * first) / (count * (count - 1.0))
                q = q if q > 0.0 else 0.0
                q = np.sqrt(q) if root else q
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


@lane_kernel
def window_shape(x: Array, n: int, skews: Array, kurts: Array, s: Array) -> None:
    """Skewness and excess kurtosis of the last n rows, bias-corrected as in pandas.

    NaN for fewer than three (four) values; equal values have skewness 0 and kurtosis -3. Sums of
    powers are of differences from an anchor inside the window, as in `window_variance`, moved to
    one anchor by the binomial formula. No difference exceeds the window's range R, so sums of c
    values carry an error of about c R^k units of rounding, and c values of range R have squares of
    at least R^2 / 2 and fourth powers of at least R^4 / 8 around their mean: the error of a result
    is some c units of rounding (the skewness's c sqrt(c) at worst), however far from zero the
    values are and however large one of them. Scratch: 5 n + 12 rows.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    # newer block: 0 count, 1 to 4 sums of powers, 5 anchor; 6 older anchor; then its suffixes
    m = n + 1
    number, one, two, three, four = 7, 7 + m, 7 + 2 * m, 7 + 3 * m, 7 + 4 * m
    for i in range(7 + 5 * m):
        for j in range(low, high):
            s[i, j] = 0.0
    for begin in range(0, rows, n):
        end = min(begin + n, rows)
        for i in range(6):
            for j in range(low, high):
                s[i, j] = 0.0
        for t in range(begin, end):
            i = t - begin + 1
            for j in range(low, high):
                v, c, anchor, older = x[t, j], s[0, j], s[5, j], s[6, j]
                known = np.isfinite(v)
                anchor = v if known & (c == 0.0) else anchor
                d = v - anchor if known else 0.0
                c += 1.0 if known else 0.0
                q = d * d
                a = s[1, j] + d
                b = s[2, j] + q
                e = s[3, j] + q * d
                f = s[4, j] + q * q
                s[0, j] = c
                s[1, j] = a
                s[2, j] = b
                s[3, j] = e
                s[4, j] = f
                s[5, j] = anchor
                # the older block's sums, moved to the newer one's anchor
                h = older - anchor if c > 0.0 else 0.0
                oc, oa, ob = s[number + i, j], s[one + i, j], s[two + i, j]
                oe, of = s[three + i, j], s[four + i, j]
                c += oc
                a += oa + h * oc
                b += ob + h * (2.0 * oa + h * oc)
                e += oe + h * (3.0 * ob + h * (3.0 * oa + h * oc))
                f += of + h * (4.0 * oe + h * (6.0 * ob + h * (4.0 * oa + h * oc)))
                # around the mean
                mean = a / c
                f -= mean * (4.0 * e - mean * (6.0 * b - 3.0 * mean * a))
                e -= mean * (3.0 * b - 2.0 * mean * a)
                b -= mean * a
                flat = b <= 0.0
                skew = c * e * np.sqrt((c - 1.0) / b) / ((c - 2.0) * b)
                kurt = (c - 1.0) * (c * (c + 1.0) * f - 3.0 * (c - 1.0) * (b * b))
                kurt = kurt / ((c - 2.0) * (c - 3.0) * (b * b))
                skew = 0.0 if flat else skew
                kurt = -3.0 if flat else kurt
                skews[t, j] = skew if c > 2.0 else np.nan
                kurts[t, j] = kurt if c > 3.0 else np.nan
        if end - begin == n:
            for j in range(low, high):
                s[6, j] = 0.0
            for i in range(n - 1, -1, -1):
                for j in range(low, high):
                    v, c, anchor = x[begin + i, j], s[number + i + 1, j], s[6, j]
                    known = np.isfinite(v)
                    anchor = v if known & (c == 0.0) else anchor
                    d = v - anchor if known else 0.0
                    q = d * d
                    s[6, j] = anchor
                    s[number + i, j] = c + (1.0 if known else 0.0)
                    s[one + i, j] = s[one + i + 1, j] + d
                    s[two + i, j] = s[two + i + 1, j] + q
                    s[three + i, j] = s[three + i + 1, j] + q * d
                    s[four + i, j] = s[four + i + 1, j] + q * q


@lane_kernel
def window_deviation(x: Array, n: int, out: Array, s: Array) -> None:
    """Mean absolute deviation from the mean of the last n rows. Scratch: n + 6 rows.

    The window lies in a ring, where the newest row takes the oldest one's place: as many rows as
    four divides, gaps as NaN. Four of them are added at a time, so that the sums so far are loaded
    and stored once for them.
    """
    rows, lanes = x.shape
    low, high = first_lane(lanes), end_lane(lanes)
    # 0 count, 1 sum, then mean, 2 sum of deviations; then the ring
    ring = 3
    end = ring + (n + 3) // 4 * 4
    for i in range(ring, end):
        for j in range(low, high):
            s[i, j] = np.nan
    for j in range(low, high):
        s[0, j] = 0.0
    for t in range(rows):
        place = ring + t % n
        for j in range(low, high):
            v, old = x[t, j], s[place, j]
            known = np.isfinite(v)
            s[place, j] = v if known else np.nan
            s[0, j] += (1.0 if known else 0.0) - (1.0 if old == old else 0.0)
            s[1, j] = 0.0
            s[2, j] = 0.0
        for i in range(ring, end, 4):
            for j in range(low, high):
                a, b, c, d = s[i, j], s[i + 1, j], s[i + 2, j], s[i + 3, j]
                first = (a if a == a else 0.0) + (b if b == b else 0.0)
                second = (c if c == c else 0.0) + (d if d == d else 0.0)
                s[1, j] += first + second
        for j in range(low, high):
            s[1, j] /= s[0, j]
        for i in range(ring, end, 4):
            for j in range(low, high):
                mean = s[1, j]
                a, b = abs(s[i, j] - mean), abs(s[i + 1, j] - mean)
                c, d = abs(s[i + 2, j] - mean), abs(s[i + 3, j] - mean)
                first = (a if a == a else 0.0) + (b if b == b else 0.0)
                second = (c if c == c else 0.0) + (d if d == d else 0.0)
                s[2, j] += first + second
        for j in range(low, high):
            count = s[0, j]
            mean = s[2, j] / count
            out[t, j] = mean if count > 0.0 else np.nan
