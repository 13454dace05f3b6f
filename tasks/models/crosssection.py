"""Per-day transforms across symbols: ranks and z-scores that see nothing but their own day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.compiling import kernel
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: days sorted at a time: the order of 16 days x 5,000 symbols takes 640 KB and stays in cache
_DAYS = 16
#: behind all numbers: stands for a cell that has none
_UNKNOWN = np.iinfo(np.int64).max
#: z-scores are cut here: one mistaken price must not own a day
Z_LIMIT = 3.0


def transform(values: Array, kind: str) -> Array:
    """Apply one of the per-day transforms to a T x N array; NaN stays NaN, infinite becomes NaN.

    Raises:
        UserError: a kind other than `rank`, `zscore` and `none`.
    """
    if kind == "none":
        return np.where(np.isfinite(values), values, np.nan)
    if kind == "rank":
        return centred_rank(values)
    if kind == "zscore":
        return zscore(values)
    raise UserError(f"transform {kind!r} is unknown: choose 'rank', 'zscore' or 'none'")


def rank(values: Array) -> Array:
    """Ranks 1..n of each day's finite values, ties averaged (scipy's `rankdata`); NaN elsewhere.

    Infinite values count as missing. Shape T x N in and out.
    """
    return rank_among(values, np.isfinite(values), order(values))


def order(values: Array) -> NDArray[np.int64]:
    """Columns of each day by rising value, those without a finite value last. T x N in and out."""
    places = np.empty(values.shape, dtype=np.int64)
    for start in range(0, len(values), _DAYS):
        some = values[start : start + _DAYS]
        # numpy sorts several times faster where there is no NaN
        places[start : start + _DAYS] = _order(np.where(np.isfinite(some), some, np.inf))
    return places


def _order(values: Array) -> NDArray[np.int64]:
    if values.dtype != np.float32:
        return np.argsort(values, axis=1)
    # the number's bits in front of its column, in one integer: sorting alone takes half the time
    bits = (values + np.float32(0.0)).view(np.int32)  # which makes -0 a 0
    keys = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))  # ascend as the numbers do
    packed = keys.astype(np.int64) << 32 | np.arange(values.shape[1])
    packed.sort(axis=1)
    places: NDArray[np.int64] = packed & 0xFFFFFFFF
    return places


def rank_among(values: Array, chosen: NDArray[np.bool_], places: NDArray[np.int64]) -> Array:
    """Ranks 1..n of each day's chosen values, ties averaged; NaN elsewhere.

    Args:
        values: T x N.
        chosen: T x N; all of them finite.
        places: `order(values)`, which serves any choice.
    """
    out = np.empty(values.shape)
    _tied_ranks(values, chosen, places, out)
    return out


def centred_rank(values: Array) -> Array:
    """Ranks scaled to [-0.5, 0.5] with median 0; a day with one value gives 0 for it."""
    ranks = rank(values)
    n = np.isfinite(ranks).sum(axis=1, keepdims=True)
    scaled: Array = (ranks - 1.0) / np.maximum(n - 1, 1) - np.where(n > 1, 0.5, 0.0)
    return scaled


def centred_rank_rows(
    values: NDArray[np.floating[Any]], chosen: NDArray[np.bool_], out: NDArray[np.float32]
) -> None:
    """`centred_rank` of the chosen cells as rows, of numbers that are stored in float32.

    The same bits several times faster: a number and its column are one integer, sorted alone.

    Args:
        values: T x N, float32.
        chosen: T x N; cells that have a row, and are ranked if they are finite.
        out: (R,), any stride: a row for each chosen cell, day by day, in the columns' order.
    """
    packed = np.empty(values.shape, dtype=np.int64)
    _pack(values, chosen, np.empty(values.shape[1], np.float32), packed)
    packed.sort(axis=1)
    _unpack(packed, chosen, np.empty(values.shape[1], np.int64), out)


def zscore(values: Array) -> Array:
    """(x - mean) / standard deviation (ddof 0) of the day, cut at 3; 0 where all are equal."""
    clean = np.where(np.isfinite(values), values, np.nan).astype(np.float64, copy=False)
    valid = ~np.isnan(clean)
    n = np.maximum(valid.sum(axis=1, keepdims=True), 1)
    centred = clean - np.where(valid, clean, 0.0).sum(axis=1, keepdims=True) / n
    variance = np.where(valid, centred, 0.0)
    deviation = np.sqrt((variance * variance).sum(axis=1, keepdims=True) / n)
    scaled: Array = centred / np.where(deviation > 0, deviation, 1.0)
    return np.clip(scaled, -Z_LIMIT, Z_LIMIT)


@kernel
def _tied_ranks(values, chosen, places, out):  # type: ignore[no-untyped-def]  # compiled by numba
    """Write average ranks of each row's chosen values into `out`; `places` sorts the rows."""
    rows, columns = values.shape
    for i in range(rows):
        out[i, :] = np.nan
        previous = np.nan
        rank, first, ties = 0, 0, 0  # of the run of equal values: place of its first, how many
        for k in range(columns + 1):
            column = places[i, k] if k < columns else -1
            if column >= 0:
                if not chosen[i, column]:
                    continue
                rank += 1
                out[i, column] = rank
                if values[i, column] == previous:
                    ties += 1
                    continue
            if ties > 1:
                end = rank if column < 0 else rank - 1
                for m in range(first, k):
                    if chosen[i, places[i, m]]:
                        out[i, places[i, m]] = end - (ties - 1) / 2.0
            if column >= 0:
                previous, first, ties = values[i, column], k, 1


@kernel
def _pack(values, chosen, numbers, packed):  # type: ignore[no-untyped-def]  # compiled by numba
    """A number's bits, in an order that ascends as the numbers do, in front of its column."""
    rows, columns = values.shape
    bits = numbers.view(np.int32)
    for i in range(rows):
        for j in range(columns):
            numbers[j] = values[i, j] + np.float32(0.0)  # which makes -0 a 0
        for j in range(columns):
            known = chosen[i, j] and np.isfinite(numbers[j])
            key = np.int64(bits[j] ^ ((bits[j] >> 31) & 0x7FFFFFFF))
            packed[i, j] = ((key << 32) | j) if known else _UNKNOWN


@kernel
def _unpack(packed, chosen, places, out):  # type: ignore[no-untyped-def]  # compiled by numba
    """Centred ranks of sorted rows, to the rows of the chosen cells; ties averaged."""
    rows, columns = packed.shape
    row = 0
    for i in range(rows):
        for j in range(columns):
            places[j] = row
            if chosen[i, j]:
                out[row] = np.nan
                row += 1
        n = int(np.searchsorted(packed[i], _UNKNOWN))
        between = max(n - 1, 1)
        first = 0
        while first < n:
            last = first + 1
            while last < n and packed[i, last] >> 32 == packed[i, first] >> 32:
                last += 1
            rank = (first + 1 + last) / 2.0
            value = (rank - 1.0) / between - (0.5 if n > 1 else 0.0)
            for k in range(first, last):
                out[places[packed[i, k] & 0xFFFFFFFF]] = value
            first = last
