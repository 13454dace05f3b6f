"""Probability of backtest overfitting by combinatorially symmetric cross-validation (CSCV).

Cut the time into S parts. For every choice of half of them, take the trial with the best Sharpe
ratio there and look up its rank among all trials on the other half. The probability of overfitting
is the share of choices for which it ends in the lower half: picking the best then told nothing.
Bailey, Borwein, López de Prado and Zhu (2017), "The probability of backtest overfitting".
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    _Ranked = tuple[Array, Array, Array]

#: choices of parts evaluated at a time: bounds memory at this many x trials numbers
_CHUNK = 256


@dataclasses.dataclass(frozen=True)
class Overfitting:
    """Outcome of the cross-validation.

    Attributes:
        probability: share of choices whose best trial ended below the median elsewhere.
        logits: ln(w / (1 - w)) of the relative rank w of each choice's best trial, (C,).
        loss_probability: share of choices whose best trial lost money elsewhere.
        slope: regression slope of the best trial's Sharpe elsewhere on its Sharpe where it was
            chosen; negative where a better backtest promises less.
        trials: trials compared.
        choices: choices of parts, C.
    """

    probability: float
    logits: Array
    loss_probability: float
    slope: float
    trials: int
    choices: int


def probability_of_backtest_overfitting(returns: Array, parts: int = 16) -> Overfitting:
    """Cross-validate the choice of the best trial.

    Args:
        returns: (K, T) daily net returns; NaN days are left out of a trial's sums.
        parts: number of parts of the time, even; 16 gives 12,870 choices.

    Raises:
        UserError: fewer than two trials that vary, an odd number of parts, or too few days.
    """
    if parts < 2 or parts % 2:
        raise UserError(f"{parts} parts cannot be halved: choose an even number, such as 16")
    if returns.ndim != 2 or returns.shape[1] < 2 * parts:
        raise UserError(
            f"returns of shape {returns.shape} are too short for {parts} parts: give trials x days "
            f"with at least {2 * parts} days"
        )
    edges = np.linspace(0, returns.shape[1], parts + 1).astype(int)
    known = np.isfinite(returns)
    x = np.where(known, returns, 0.0)
    moments = [np.add.reduceat(a, edges[:-1], axis=1) for a in (known * 1.0, x, x * x)]
    return overfitting_from_moments(*moments)


def overfitting_from_moments(days: Array, sums: Array, squares: Array) -> Overfitting:
    """The same from the moments of each part, each (K, parts).

    Args:
        days: days with a return in each part.
        sums: sums of the returns.
        squares: sums of squared returns.
    """
    total = squares.sum(axis=1) - sums.sum(axis=1) ** 2 / np.maximum(days.sum(axis=1), 1)
    varying = total > 0
    if int(varying.sum()) < 2:
        raise UserError(
            f"{int(varying.sum())} trials have returns that vary, so there is no choice to "
            "validate: score at least two"
        )
    d, s, q = (np.asarray(m[varying], dtype=np.float64) for m in (days, sums, squares))
    choices = _halves(d.shape[1])
    # the complement of a choice is a choice too, at the mirrored place: score each pair once
    upper: list[_Ranked] = []
    lower: list[_Ranked] = []
    for start in range(0, len(choices) // 2, _CHUNK):
        chosen = choices[start : min(start + _CHUNK, len(choices) // 2)]
        first = _sharpe(*(chosen @ m.T for m in (d, s, q)))
        second = _sharpe(*((1.0 - chosen) @ m.T for m in (d, s, q)))
        upper.append(_best_elsewhere(first, second))
        lower.append(_best_elsewhere(second, first))
    relative, inside, outside = (
        [u[i] for u in upper] + [v[i][::-1] for v in reversed(lower)] for i in range(3)
    )
    w, x, y = (np.concatenate(parts) for parts in (relative, inside, outside))
    return Overfitting(
        probability=float((w <= 0.5).mean()),
        logits=np.log(w / (1.0 - w)),
        loss_probability=float((y < 0).mean()),
        slope=_slope(x, y),
        trials=int(varying.sum()),
        choices=len(choices),
    )


def _best_elsewhere(first: Array, second: Array) -> _Ranked:
    """Relative rank, chosen and other Sharpe ratio of each choice's best trial, (C,) each."""
    best = first.argmax(axis=1)
    rows = np.arange(len(first))
    there = second[rows, best]
    below = (second < there[:, None]).sum(axis=1)
    equal = (second == there[:, None]).sum(axis=1)
    return (below + (equal + 1) / 2) / (second.shape[1] + 1), first[rows, best], there


def _halves(parts: int) -> Array:
    """Every choice of half of the parts as rows of 0 and 1, (C, parts)."""
    if parts % 2:
        raise UserError(f"{parts} parts cannot be halved: choose an even number, such as 16")
    out = np.zeros((math.comb(parts, parts // 2), parts))
    for row, chosen in enumerate(itertools.combinations(range(parts), parts // 2)):
        out[row, list(chosen)] = 1.0
    return out


def _sharpe(days: Array, sums: Array, squares: Array) -> Array:
    """Sharpe ratio per day from moments; a trial that does not vary there counts as 0."""
    n = np.maximum(days, 1.0)
    variance = (squares - sums * sums / n) / np.maximum(n - 1.0, 1.0)
    # rounding of sums must not make a constant series look like a great one
    varies = variance > 1e-14 * squares / n
    ratio: Array = np.where(varies, sums / n / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
    return ratio


def _slope(x: Array, y: Array) -> float:
    dx = x - x.mean()
    spread = float(dx @ dx)
    return float(dx @ (y - y.mean())) / spread if spread > 0 else math.nan
