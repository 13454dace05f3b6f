"""Across the symbols of one day: ranks, scores and clipping on whole grids (T, N).

Only columns marked in `ranked` (N,) take part; the others, and unknown values, give NaN. Infinite
values are unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Marks = NDArray[np.bool_]


@kernel
def _known(row: Array, ranked: Marks, values: Array, columns: NDArray[np.int64]) -> int:
    """Put a row's known values and their columns to the front of two buffers; how many."""
    count = 0
    for j in range(len(row)):
        if ranked[j] and np.isfinite(row[j]):
            values[count] = row[j]
            columns[count] = j
            count += 1
    return count


@kernel
def rank(x: Array, ranked: Marks, out: Array) -> None:
    """Rank over the count, ties averaged, in (0, 1]: pandas' `rank(pct=True)` of each day."""
    rows, symbols = x.shape
    values = np.empty(symbols)
    columns = np.empty(symbols, np.int64)
    for t in range(rows):
        out[t, :] = np.nan
        count = _known(x[t], ranked, values, columns)
        order = np.argsort(values[:count], kind="mergesort")
        begin = 0
        while begin < count:
            end = begin + 1
            while end < count and values[order[end]] == values[order[begin]]:
                end += 1
            for k in range(begin, end):
                out[t, columns[order[k]]] = (begin + 1 + end) / 2.0 / count
            begin = end


@kernel
def score(x: Array, ranked: Marks, scaled: bool, out: Array) -> None:
    """Value less the day's mean; with `scaled` over its sample deviation, 0 where all are equal."""
    rows, symbols = x.shape
    values = np.empty(symbols)
    columns = np.empty(symbols, np.int64)
    for t in range(rows):
        out[t, :] = np.nan
        count = _known(x[t], ranked, values, columns)
        total = 0.0
        for k in range(count):
            total += values[k] - values[0]
        mean = values[0] + total / count
        squares = 0.0
        for k in range(count):
            squares += (values[k] - mean) ** 2
        spread = np.sqrt(squares / (count - 1.0)) if count > 1 else 0.0
        for k in range(count):
            d = values[k] - mean
            out[t, columns[k]] = (d / spread if spread > 0.0 else 0.0) if scaled else d


@kernel
def clip(x: Array, ranked: Marks, share: float, out: Array) -> None:
    """Value clipped to the day's quantiles `share` and 1 - `share` (linear interpolation)."""
    rows, symbols = x.shape
    values = np.empty(symbols)
    columns = np.empty(symbols, np.int64)
    for t in range(rows):
        out[t, :] = np.nan
        count = _known(x[t], ranked, values, columns)
        if count == 0:
            continue
        ordered = np.sort(values[:count])
        at = (count - 1) * share
        i = int(at)
        k = min(i + 1, count - 1)
        least = ordered[i] + (ordered[k] - ordered[i]) * (at - i)
        most = ordered[count - 1 - i]
        most = most + (ordered[count - 1 - k] - most) * (at - i)
        for m in range(count):
            out[t, columns[m]] = min(max(values[m], least), most)
