"""Across the symbols of one day, or of one group on it: ranks, scores and clipping on whole grids.

Sums run over sorted values, so that the order of the symbols never changes a bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: what `compare` gives; see there
RANK, SCORE, DEMEAN, CLIP = 0, 1, 2, 3


@kernel
def _sort(values: Array, places: NDArray[np.int64], scratch: Array) -> None:
    """Sort values, and carry their places along; equal values keep their order."""
    order = np.argsort(values, kind="mergesort")
    scratch[: len(values)] = values
    for k in range(len(values)):
        values[k] = scratch[order[k]]
    for k in range(len(values)):
        scratch[k] = places[order[k]]
    for k in range(len(values)):
        places[k] = int(scratch[k])


@kernel
def _place(v: Array, places: NDArray[np.int64], what: int, share: float, out: Array) -> None:
    """Write one group's results, of its sorted values `v`, to their places in the day's row."""
    count = len(v)
    total = 0.0
    for k in range(count):
        total += v[k] - v[0]
    mean = v[0] + total / count
    squares = 0.0
    for k in range(count):
        squares += (v[k] - mean) ** 2
    spread = np.sqrt(squares / (count - 1.0)) if count > 1 else 0.0
    at = (count - 1) * share
    i = int(at)
    k = min(i + 1, count - 1)
    least = v[i] + (v[k] - v[i]) * (at - i)
    most = v[count - 1 - i] + (v[count - 1 - k] - v[count - 1 - i]) * (at - i)
    begin = 0
    while begin < count:
        end = begin + 1
        while end < count and v[end] == v[begin]:
            end += 1
        value = (begin + 1 + end) / 2.0 / count
        if what == CLIP:
            value = min(max(v[begin], least), most)
        elif what != RANK:
            value = v[begin] - mean
            if what == SCORE:
                value = value / spread if spread > 0.0 else 0.0
        for k in range(begin, end):
            out[places[k]] = value
        begin = end


@kernel
def compare(
    x: Array, ranked: NDArray[np.bool_], groups: Array, what: int, share: float, out: Array
) -> None:
    """Each day's known values compared with each other, or with those of their group.

    Args:
        x: (T, N); missing and infinite values are unknown and give NaN.
        ranked: (N,) columns that take part; the others give NaN.
        groups: (T, N), or (1, N) for every day: equal numbers are one group, and a value without
            one gives NaN.
        what: `RANK` over the count, ties averaged, in (0, 1], as pandas' `rank(pct=True)`; `DEMEAN`
            value less mean; `SCORE` that over the sample deviation, 0 where all are equal; `CLIP`
            to the quantiles `share` and 1 - `share`, interpolated linearly.
        share: at most a half, for `CLIP`.
        out: (T, N).
    """
    rows, symbols = x.shape
    values, own, scratch = np.empty(symbols), np.empty(symbols), np.empty(symbols)
    places = np.empty(symbols, np.int64)
    for t in range(rows):
        group = groups[t % len(groups)]
        out[t, :] = np.nan
        count, mixed = 0, False
        for j in range(symbols):
            if ranked[j] and np.isfinite(x[t, j]) and np.isfinite(group[j]):
                values[count] = x[t, j]
                places[count] = j
                mixed |= group[j] != group[places[0]]
                count += 1
        _sort(values[:count], places[:count], scratch)
        if mixed:  # by group, and by value within
            for k in range(count):
                own[k] = group[places[k]]
            _sort(own[:count], places[:count], scratch)
            for k in range(count):
                values[k] = x[t, places[k]]
        begin = 0
        while begin < count:
            end = begin + 1 if mixed else count
            while end < count and own[end] == own[begin]:
                end += 1
            _place(values[begin:end], places[begin:end], what, share, out[t])
            begin = end
