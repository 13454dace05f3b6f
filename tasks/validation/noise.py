"""What the best of the trials would reach without any skill, with the trials' own dependence.

Each trial's mean is taken off its daily returns, so that none has any skill, and days are drawn
again in blocks, the same days for every trial: correlations between trials and dependence from day
to day stay as they are. White (2000), "A reality check for data snooping"; stationary blocks after
Politis and Romano (1994).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SESSIONS_PER_YEAR = 244
DRAWS = 500
#: mean length of a block in days, about two trading weeks
BLOCK = 10


@dataclasses.dataclass(frozen=True)
class Noise:
    """Sharpe ratios per year of trials without skill.

    Attributes:
        best: mean of the highest ratio over draws.
        low, high: 5 % and 95 % of the highest ratio.
        p_best: share of draws whose highest ratio reaches the highest one seen (reality check).
        edges: edges of the histogram's bins, (B + 1,).
        counts: trials seen in each bin, (B,).
        expected, expected_low, expected_high: trials without skill in each bin, mean and 5-95 %.
        draws: number of draws.
    """

    best: float
    low: float
    high: float
    p_best: float
    edges: Array
    counts: NDArray[np.int64]
    expected: Array
    expected_low: Array
    expected_high: Array
    draws: int


def noise(
    returns: Array,
    *,
    draws: int = DRAWS,
    block: int = BLOCK,
    seed: int = 7,
    bins: int = 40,
    sessions: int = SESSIONS_PER_YEAR,
) -> Noise:
    """Draw days again for trials without skill.

    Args:
        returns: (K, T) daily net returns; NaN days are left out of each trial.
        draws: how often the days are drawn.
        block: mean length of a block of days.
        seed: seed of the draws.
        bins: bins of the histogram.
        sessions: trading days a year.

    Raises:
        UserError: no trial varies.
    """
    ratios = sharpe_ratios(returns) * np.sqrt(sessions)
    scored = np.isfinite(ratios)
    if not scored.any():
        raise UserError("no trial has returns that vary: there is no noise to compare with")
    known = np.isfinite(returns[scored])
    n = known.sum(axis=1, keepdims=True)
    x = np.where(known, returns[scored], 0.0)
    x = np.where(known, x - x.sum(axis=1, keepdims=True) / n, 0.0)
    weights = day_counts(returns.shape[1], draws, block, seed)
    drawn = _drawn_sharpe(x, known, weights) * np.sqrt(sessions)
    highest = drawn.max(axis=0)
    seen = ratios[scored]
    edges = _edges(seen, drawn, bins)
    by_draw = np.stack([np.histogram(column, edges)[0] for column in drawn.T])
    return Noise(
        best=float(highest.mean()),
        low=float(np.quantile(highest, 0.05)),
        high=float(np.quantile(highest, 0.95)),
        p_best=float((1 + (highest >= seen.max()).sum()) / (1 + draws)),
        edges=edges,
        counts=np.histogram(seen, edges)[0].astype(np.int64),
        expected=by_draw.mean(axis=0),
        expected_low=np.quantile(by_draw, 0.05, axis=0),
        expected_high=np.quantile(by_draw, 0.95, axis=0),
        draws=draws,
    )


def sharpe_interval(
    returns: Array,
    *,
    level: float = 0.95,
    draws: int = 2000,
    block: int = BLOCK,
    seed: int = 7,
    sessions: int = SESSIONS_PER_YEAR,
) -> tuple[Array, Array]:
    """Block-bootstrap interval of each trial's Sharpe ratio per year.

    Args:
        returns: (K, T) daily net returns, or one trial (T,).
        level: of the interval.
        draws: how often the days are drawn.
        block: mean length of a block of days.
        seed: seed of the draws.
        sessions: trading days a year.

    Returns:
        Lower and upper ends, (K,) each; NaN for a trial that does not vary.
    """
    rows = np.atleast_2d(returns)
    known = np.isfinite(rows)
    weights = day_counts(rows.shape[1], draws, block, seed)
    drawn = _drawn_sharpe(np.where(known, rows, 0.0), known, weights) * np.sqrt(sessions)
    drawn[~np.isfinite(sharpe_ratios(rows))] = np.nan
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(drawn, [tail, 1.0 - tail], axis=1)
    return low, high


def sharpe_ratios(returns: Array) -> Array:
    """Sharpe ratio per day (ddof 1) of each row; NaN with under two days or without variation."""
    known = np.isfinite(returns)
    n = known.sum(axis=1)
    mean = np.where(known, returns, 0.0).sum(axis=1) / np.maximum(n, 1)
    deviation = np.where(known, returns - mean[:, None], 0.0)
    variance = (deviation * deviation).sum(axis=1) / np.maximum(n - 1, 1)
    varies = (n > 1) & (variance > 1e-14 * mean * mean) & (variance > 0)
    return np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0)), np.nan)


def day_counts(days: int, draws: int, block: int, seed: int) -> Array:
    """How often each day is drawn, (T, draws): stationary blocks that wrap around the end."""
    random = np.random.default_rng(seed)
    starts = random.integers(0, days, size=(days, draws))
    fresh = random.random((days, draws)) < 1.0 / max(block, 1)
    fresh[0] = True
    position = np.where(fresh, np.arange(days)[:, None], 0)
    np.maximum.accumulate(position, axis=0, out=position)
    day = (
        np.take_along_axis(starts, position, axis=0) + np.arange(days)[:, None] - position
    ) % days
    flat = day + np.arange(draws) * days
    counts = np.bincount(flat.ravel(), minlength=days * draws)
    return np.ascontiguousarray(counts.reshape(draws, days).T, dtype=np.float64)


def _drawn_sharpe(x: Array, known: NDArray[np.bool_], weights: Array) -> Array:
    """Sharpe ratio per day of each trial in each draw, (K, draws); 0 where it does not vary."""
    n = known.astype(np.float64) @ weights
    sums, squares = x @ weights, (x * x) @ weights
    count = np.maximum(n, 2.0)
    variance = (squares - sums * sums / count) / (count - 1.0)
    varies = variance > 1e-14 * squares / count
    ratio: Array = np.where(varies, sums / count / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
    return ratio


def _edges(seen: Array, drawn: Array, bins: int) -> Array:
    """Equal bins over everything seen and drawn, their ends on tenths."""
    low = np.floor(min(seen.min(), drawn.min()) * 10.0) / 10.0
    high = np.ceil(max(seen.max(), drawn.max()) * 10.0) / 10.0
    return np.linspace(low, max(high, low + 0.1), bins + 1)
