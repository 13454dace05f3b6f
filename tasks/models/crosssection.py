"""Per-day transforms across symbols: ranks and z-scores that see nothing but their own day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: days sorted at a time: the order of 64 days x 5,000 symbols takes 2.5 MB and stays in cache
_DAYS = 64
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
    clean = np.where(np.isfinite(values), values, np.nan)
    out = np.empty(clean.shape)
    for start in range(0, len(clean), _DAYS):
        block = clean[start : start + _DAYS]
        # numpy sorts NaN last, and ties get one average rank, so the sort's order among them
        # does not matter
        _tied_ranks(block, np.argsort(block, axis=1), out[start : start + _DAYS])
    return out


def centred_rank(values: Array) -> Array:
    """Ranks scaled to [-0.5, 0.5] with median 0; a day with one value gives 0 for it."""
    ranks = rank(values)
    n = np.isfinite(ranks).sum(axis=1, keepdims=True)
    scaled: Array = (ranks - 1.0) / np.maximum(n - 1, 1) - np.where(n > 1, 0.5, 0.0)
    return scaled


def zscore(values: Array) -> Array:
    """(x - mean) / standard deviation (ddof 0) of the day, cut at 3; 0 where all are equal."""
    clean = np.where(np.isfinite(values), values, np.nan)
    valid = ~np.isnan(clean)
    n = np.maximum(valid.sum(axis=1, keepdims=True), 1)
    centred = clean - np.where(valid, clean, 0.0).sum(axis=1, keepdims=True) / n
    variance = np.where(valid, centred, 0.0)
    deviation = np.sqrt((variance * variance).sum(axis=1, keepdims=True) / n)
    scaled: Array = centred / np.where(deviation > 0, deviation, 1.0)
    return np.clip(scaled, -Z_LIMIT, Z_LIMIT)


@kernel
def _tied_ranks(values, order, out):  # type: ignore[no-untyped-def]  # compiled by numba
    """Write average ranks of each row into `out`; `order` sorts the row with NaN last."""
    rows, columns = values.shape
    for i in range(rows):
        first = 0
        while first < columns:
            value = values[i, order[i, first]]
            if np.isnan(value):
                for k in range(first, columns):
                    out[i, order[i, k]] = np.nan
                break
            last = first + 1
            while last < columns and values[i, order[i, last]] == value:
                last += 1
            average = (first + 1 + last) / 2.0
            for k in range(first, last):
                out[i, order[i, k]] = average
            first = last
