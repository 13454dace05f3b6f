"""Statistics of many trials: how good the best of N looks by luck, and what is left after that.

Sharpe ratios are per period (a day) and not annualised, unless said otherwise; kurtosis is
Pearson's (3 for a normal distribution). Arguments broadcast like numpy's, NaN gives NaN.

Sources: Bailey and López de Prado (2012), "The Sharpe ratio efficient frontier"; the same (2014),
"The deflated Sharpe ratio"; Bailey, Borwein, López de Prado and Zhu (2014), "Pseudo-mathematics and
financial charlatanism"; López de Prado, Lipton and Zoonekynd (2025), "How to use the Sharpe ratio";
Benjamini and Hochberg (1995); Benjamini and Yekutieli (2001).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.errors import UserError
from tasks.validation.overfitting import probability_of_backtest_overfitting

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

__all__ = [
    "Convention",
    "deflated_sharpe_ratio",
    "effective_trials",
    "expected_maximum_sharpe",
    "false_discovery",
    "minimum_backtest_length",
    "minimum_track_record_length",
    "probabilistic_sharpe_ratio",
    "probability_of_backtest_overfitting",
    "sharpe_standard_error",
]

#: how the standard error of a Sharpe ratio is taken: at the observed ratio with n - 1 (2012), or
#: at the ratio of the null hypothesis with n (2025)
Convention = Literal["2012", "2025"]


def sharpe_standard_error(
    sharpe: ArrayLike,
    n: ArrayLike,
    *,
    skew: ArrayLike = 0.0,
    kurtosis: ArrayLike = 3.0,
) -> Array:
    """Standard error of an estimated Sharpe ratio for independent returns of any shape.

    sqrt((1 - skew SR + (kurtosis - 1)/4 SR^2) / (n - 1)); Mertens (2002).
    """
    return np.sqrt(_spread(sharpe, skew, kurtosis) / np.maximum(_f(n) - 1.0, 1.0))


def probabilistic_sharpe_ratio(
    sharpe: ArrayLike,
    n: ArrayLike,
    *,
    skew: ArrayLike = 0.0,
    kurtosis: ArrayLike = 3.0,
    benchmark: ArrayLike = 0.0,
    convention: Convention = "2012",
) -> Array:
    """Probability that the true Sharpe ratio is above a benchmark.

    Args:
        sharpe: observed ratio per period.
        n: number of periods.
        skew: of the returns.
        kurtosis: of the returns, 3 for a normal distribution.
        benchmark: ratio per period to beat.
        convention: `2012` takes the standard error at the observed ratio, with n - 1; `2025` at
            the benchmark, with n, which is the proper size of a test against the benchmark.
    """
    from scipy.special import ndtr

    distance = _f(sharpe) - _f(benchmark)
    if convention == "2012":
        error = sharpe_standard_error(sharpe, n, skew=skew, kurtosis=kurtosis)
    elif convention == "2025":
        error = np.sqrt(_spread(benchmark, skew, kurtosis) / np.maximum(_f(n), 1.0))
    else:
        raise UserError(f"convention {convention!r} is unknown: choose '2012' or '2025'")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(ndtr(distance / error))


def expected_maximum_sharpe(n_trials: ArrayLike, std: ArrayLike = 1.0) -> Array:
    """Expected highest Sharpe ratio among N independent trials without any skill.

    std ((1 - g) z(1 - 1/N) + g z(1 - 1/(N e))) with Euler's constant g and the normal quantile z;
    Bailey and López de Prado (2014). 0 for a single trial, since one trial is no search.

    Args:
        n_trials: number of independent trials; it may be an effective, broken number.
        std: standard deviation of the trials' Sharpe ratios.
    """
    from scipy.special import ndtri

    n = np.maximum(_f(n_trials), 1.0)
    highest = (1.0 - np.euler_gamma) * ndtri(1.0 - 1.0 / n) + np.euler_gamma * ndtri(
        1.0 - 1.0 / (n * np.e)
    )
    # below two trials the approximation falls under zero; the best of any number is at least 0
    return np.asarray(_f(std) * np.maximum(highest, 0.0))


def deflated_sharpe_ratio(
    sharpe: ArrayLike,
    n: ArrayLike,
    *,
    n_trials: ArrayLike,
    trials_std: ArrayLike,
    skew: ArrayLike = 0.0,
    kurtosis: ArrayLike = 3.0,
    convention: Convention = "2012",
) -> Array:
    """Probability that a ratio is above what the best of N trials without skill would show.

    Args:
        sharpe: observed ratio per period.
        n: number of periods.
        n_trials: number of trials among which this one was chosen.
        trials_std: standard deviation of the trials' ratios per period.
        skew: of the returns.
        kurtosis: of the returns, 3 for a normal distribution.
        convention: see `probabilistic_sharpe_ratio`.
    """
    return probabilistic_sharpe_ratio(
        sharpe,
        n,
        skew=skew,
        kurtosis=kurtosis,
        benchmark=expected_maximum_sharpe(n_trials, trials_std),
        convention=convention,
    )


def minimum_track_record_length(
    sharpe: ArrayLike,
    *,
    skew: ArrayLike = 0.0,
    kurtosis: ArrayLike = 3.0,
    benchmark: ArrayLike = 0.0,
    confidence: float = 0.95,
) -> Array:
    """Periods needed before a ratio is above a benchmark with a confidence.

    1 + (1 - skew SR + (kurtosis - 1)/4 SR^2) (z / (SR - benchmark))^2; Bailey and López de Prado
    (2012). Infinite where the ratio does not beat the benchmark.
    """
    from scipy.special import ndtri

    distance = _f(sharpe) - _f(benchmark)
    with np.errstate(divide="ignore"):
        needed = 1.0 + _spread(sharpe, skew, kurtosis) * (ndtri(confidence) / distance) ** 2
    return np.where(np.isnan(distance) | (distance > 0), needed, np.inf)


def minimum_backtest_length(n_trials: ArrayLike, sharpe: ArrayLike = 1.0) -> Array:
    """Years below which the best of N trials without skill reaches a yearly Sharpe ratio.

    (expected maximum of N standard normals / SR)^2; Bailey, Borwein, López de Prado and Zhu (2014).

    Args:
        n_trials: independent trials.
        sharpe: ratio per year.
    """
    return np.asarray((expected_maximum_sharpe(n_trials) / _f(sharpe)) ** 2)


def false_discovery(
    p: ArrayLike, method: Literal["bh", "by"] = "bh", *, nothing_found: int = 0
) -> Array:
    """q-values: the lowest false discovery rate at which each hypothesis is still rejected.

    Args:
        p: p-values (K,); NaN (not tested) gives NaN and does not count.
        method: `bh` (Benjamini-Hochberg: independent or positively dependent tests) or `by`
            (Benjamini-Yekutieli: any dependence).
        nothing_found: further hypotheses whose p is 1, which are counted and not listed.

    Raises:
        UserError: an unknown method or values outside [0, 1].
    """
    values = _f(p)
    if method not in ("bh", "by"):
        raise UserError(f"false discovery method {method!r} is unknown: choose 'bh' or 'by'")
    tested = np.flatnonzero(~np.isnan(values))
    q = np.full(values.shape, np.nan)
    if len(tested) == 0:
        return q
    n = len(tested) + nothing_found
    found = values[tested]
    if found.min() < 0.0 or found.max() > 1.0:
        raise UserError("p-values lie outside [0, 1]: give probabilities")
    order = np.argsort(found, kind="stable")
    scale = n / np.arange(1, len(tested) + 1)
    if method == "by":
        scale = scale * (1.0 / np.arange(1, n + 1)).sum()
    raised = np.minimum.accumulate((found[order] * scale)[::-1])[::-1]
    q[tested[order]] = np.minimum(raised, 1.0)
    return q


def effective_trials(returns: Array) -> float:
    """Effective number of independent trials, from the correlations of their daily returns.

    Participation ratio N^2 / sum of squared correlations: N for independent trials, 1 for copies
    of one, K for K groups of copies. What T days show by chance is taken off first.

    Args:
        returns: (K, T) daily net returns; NaN days count as no return. Trials that never vary
            are left out.

    Returns:
        Between 1 and K; 0 without any varying trial.
    """
    known = np.isfinite(returns)
    x = np.where(known, returns, 0.0)
    x = np.where(known, x - x.sum(axis=1, keepdims=True) / _counts(known), 0.0)
    length = np.sqrt((x * x).sum(axis=1))
    x = x[length > 0] / length[length > 0][:, None]
    n, t = x.shape
    if n <= 1:
        return float(n)
    # the smaller of the two Gram matrices has the same sum of squares
    gram = x @ x.T if n <= t else x.T @ x
    between = float((gram * gram).sum()) - n
    # as in the adjusted R^2: 1/(T - 1) of a square is chance, a perfect correlation stays perfect
    chance = 1.0 / max(t - 1, 2)
    between = (between - n * (n - 1) * chance) / (1.0 - chance)
    return float(n * n / (n + min(max(between, 0.0), n * (n - 1))))


def _counts(known: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.asarray(np.maximum(known.sum(axis=1, keepdims=True), 1))


def _spread(sharpe: ArrayLike, skew: ArrayLike, kurtosis: ArrayLike) -> Array:
    """1 - skew SR + (kurtosis - 1)/4 SR^2, never below 0."""
    s = _f(sharpe)
    return np.maximum(1.0 - _f(skew) * s + (_f(kurtosis) - 1.0) / 4.0 * s * s, 0.0)


def _f(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64)
