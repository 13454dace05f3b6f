"""Is any trial really better than the benchmark, given how many were tried? SPA and StepM.

Hansen (2005), "A test for superior predictive ability": one p-value for the best of all trials,
which poor trials cannot blunt. Romano and Wolf (2005), "Stepwise multiple testing as formalized
data snooping": which trials beat the benchmark while the chance of a single false one stays below a
level. Both draw days again in stationary blocks, the same for all trials, so that the trials'
dependence is kept.

Trials are brought to one scale by the standard deviation of their days. The long-run variance, by
which Hansen divides, is a far noisier estimate: among a thousand independent trials the one whose
own came out too small is the best, and a test at 5 % rejected 14 to 30 % of the time. What days
have in common with their neighbours is in the draws, so nothing is lost.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError
from tasks.validation.noise import BLOCK, day_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

DRAWS = 1000
#: trials whose draws are held at a time
_CHUNK = 2048


@dataclasses.dataclass(frozen=True)
class Superior:
    """Outcome of both tests.

    Attributes:
        p: p-value of the hypothesis that no trial beats the benchmark (consistent version).
        p_lower: the same counting only trials at least as good as the benchmark.
        p_upper: the same counting every trial (White's reality check, on one scale).
        better: trials that StepM finds better than the benchmark, bool (K,).
        level: chance of at least one false finding among them.
        statistics: mean of each trial over its standard deviation, times the square root of the
            days, (K,); NaN where it does not vary.
        draws: number of draws.
        block: mean length of a block of days.
    """

    p: float
    p_lower: float
    p_upper: float
    better: Flags
    level: float
    statistics: Array
    draws: int
    block: int


def superior(
    returns: Array, *, level: float = 0.05, draws: int = DRAWS, block: int = BLOCK, seed: int = 7
) -> Superior:
    """Test the mean daily return over the benchmark of all trials at once.

    Args:
        returns: (K, T) daily returns over the benchmark; NaN days count as the trial's mean.
        level: of StepM.
        draws: how often the days are drawn.
        block: mean length of a block of days.
        seed: seed of the draws.

    Raises:
        UserError: no trial varies, or a level outside (0, 1).
    """
    if not 0.0 < level < 1.0:
        raise UserError(f"level {level} of StepM is not between 0 and 1: choose 0.05")
    days = returns.shape[1]
    known = np.isfinite(returns)
    mean = np.where(known, returns, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    x = np.where(known, returns - mean[:, None], 0.0)
    spread = np.sqrt((x * x).mean(axis=1))
    varies = spread > 1e-14 * np.abs(mean)
    if not varies.any():
        raise UserError("no trial has returns that vary: there is nothing to test")
    scale = np.where(varies, np.sqrt(days) / np.where(varies, spread, 1.0), np.nan)
    t = scale * mean
    counts = day_counts(days, draws, block, seed) / days
    poor = _poor(x, np.sqrt(days) * mean, block)
    seen = max(float(np.nanmax(t)), 0.0)

    def p_value(shift: Array) -> float:
        highest = np.maximum(_maxima(x, scale, counts, varies, shift), 0.0)
        return float((1 + (highest > seen).sum()) / (1 + draws))

    return Superior(
        p=p_value(np.where(poor, t, 0.0)),
        p_lower=p_value(np.minimum(t, 0.0)),
        p_upper=p_value(np.zeros_like(t)),
        better=_stepwise(x, scale, counts, varies, t, level),
        level=level,
        statistics=t,
        draws=draws,
        block=block,
    )


def _poor(x: Array, root: Array, block: int) -> Flags:
    """Trials so far below the benchmark that they cannot be the best, (K,).

    Their mean is below 0 by sqrt(2 log log T) of its standard errors or more; Hansen (2005).

    Args:
        x: (K, T) without their means.
        root: square root of the days times the mean of each, (K,).
        block: mean length of a block.
    """
    limit = np.sqrt(2.0 * np.log(np.log(max(x.shape[1], 16))))
    poor: Flags = root < -limit * np.sqrt(long_run_variance(x, block))
    return poor


def long_run_variance(x: Array, block: int) -> Array:
    """Variance of sqrt(T) times the mean of each row under stationary blocks, (K,).

    Politis and Romano (1994): autocovariances with their kernel, whatever the draws.

    Args:
        x: (K, T) without their means.
        block: mean length of a block.
    """
    days = x.shape[1]
    stay = 1.0 - 1.0 / max(block, 1)
    lag = np.arange(1, days)
    kernel = (1.0 - lag / days) * stay**lag + lag / days * stay ** (days - lag)
    out = np.empty(len(x))
    for start in range(0, len(x), _CHUNK):
        part = x[start : start + _CHUNK]
        spectrum = np.abs(np.fft.rfft(part, 2 * days, axis=1)) ** 2
        covariance = np.fft.irfft(spectrum, axis=1)[:, :days] / days
        out[start : start + _CHUNK] = covariance[:, 0] + 2.0 * covariance[:, 1:] @ kernel
    return np.maximum(out, 0.0)


def _maxima(x: Array, scale: Array, counts: Array, chosen: Flags, shift: Array) -> Array:
    """Highest mean on the trials' one scale over the chosen trials in each draw, (draws,)."""
    highest = np.full(counts.shape[1], -np.inf)
    rows = np.flatnonzero(chosen)
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        drawn = (x[part] @ counts) * scale[part, None] + shift[part, None]
        np.maximum(highest, drawn.max(axis=0), out=highest)
    return highest


def _stepwise(
    x: Array, scale: Array, counts: Array, varies: Flags, t: Array, level: float
) -> Flags:
    """Trials above the quantile of the best of those not yet found, until none is added."""
    better = np.zeros(len(t), dtype=bool)
    zero = np.zeros_like(t)
    while True:
        rest = varies & ~better
        if not rest.any():
            return better
        bar = np.quantile(_maxima(x, scale, counts, rest, zero), 1.0 - level, method="higher")
        found = rest & (t > max(float(bar), 0.0))
        if not found.any():
            return better
        better |= found
