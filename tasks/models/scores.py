"""Daily information coefficients (IC): correlation across symbols of prediction and return."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from tasks.models.crosssection import order, rank_among
from tasks.models.means import estimate_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: a correlation of fewer symbols is noise of a size that swamps an average
MIN_NAMES = 5


@dataclasses.dataclass(frozen=True)
class Score:
    """Mean daily information coefficients of a window; NaN where no day could be scored.

    Attributes:
        ic: mean of Pearson's correlations.
        rank_ic: mean of Spearman's.
        low, high: Newey-West 95 % interval of `rank_ic`.
        days: days scored.
    """

    ic: float
    rank_ic: float
    low: float
    high: float
    days: int


_UNSCORED = Score(math.nan, math.nan, math.nan, math.nan, 0)


def daily_ic(
    predictions: Array,
    returns: Array,
    *,
    ranked: bool = False,
    min_names: int = MIN_NAMES,
    places: NDArray[np.int64] | None = None,
) -> Array:
    """Correlation across symbols, day by day.

    Args:
        predictions: T x N.
        returns: T x N.
        ranked: Spearman's correlation (ties averaged) and not Pearson's.
        min_names: days with fewer symbols that have both values give NaN.
        places: `crosssection.order(returns)`, for who compares them with many predictions.

    Returns:
        (T,), NaN on days with too few symbols or without any spread.
    """
    both = np.isfinite(predictions) & np.isfinite(returns)
    x, y = predictions, returns
    if ranked:
        x = rank_among(x, both, order(x))
        y = rank_among(y, both, order(y) if places is None else places)
    n = both.sum(axis=1)
    x, y = _centred(x, both, n), _centred(y, both, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        r: Array = (x * y).sum(axis=1) / np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    flat = _is_flat(predictions, both) | _is_flat(returns, both)
    r[(n < min_names) | flat | ~np.isfinite(r)] = np.nan
    return r


def score(day: NDArray[np.int32], predictions: Array, returns: Array) -> Score:
    """Mean daily IC and rank IC of rows that are sorted by day."""
    if len(day) == 0:
        return _UNSCORED
    days, row = np.unique(day, return_inverse=True)
    place = np.arange(len(day)) - np.searchsorted(row, row)
    shape = (len(days), int(place.max()) + 1)
    x, y = np.full(shape, np.nan), np.full(shape, np.nan)
    x[row, place], y[row, place] = predictions, returns
    ic, rank_ic = daily_ic(x, y), daily_ic(x, y, ranked=True)
    ranked = estimate_mean(rank_ic)
    return Score(estimate_mean(ic).mean, ranked.mean, ranked.low, ranked.high, ranked.n)


def _is_flat(values: Array, valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Days on which all values are equal; rounding of their mean must not look like spread."""
    low = np.where(valid, values, np.inf).min(axis=1, initial=np.inf)
    high = np.where(valid, values, -np.inf).max(axis=1, initial=-np.inf)
    return np.asarray(high <= low)


def _centred(values: Array, valid: NDArray[np.bool_], n: NDArray[np.int64]) -> Array:
    """Minus the day's mean; 0 where missing, so that sums pass over it."""
    filled = np.where(valid, values, 0.0)
    mean = filled.sum(axis=1, keepdims=True) / np.maximum(n, 1)[:, None]
    return np.where(valid, values - mean, 0.0)
