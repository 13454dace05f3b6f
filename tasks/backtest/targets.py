"""From scores to target weights: the best-ranked stocks, kept while they stay well ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.config import PortfolioConfig

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def top_k_targets(scores: Array, config: PortfolioConfig | None = None) -> Array:
    """Equal weights in the best `top_k` stocks every `rebalance_days` rows.

    A stock that was chosen before stays while its rank is within `keep_k`; free places go to the
    best of the rest. Ties are broken by column. A row chooses by its own scores only.

    Args:
        scores: (T, N), higher is better, known after the row's close; NaN: not to be held.
        config: the settings' defaults if not given.

    Returns:
        Weights (T, N) for `portfolio.simulate`: each chosen stock 1 / `top_k`, at most
        `max_weight`; rows between rebalancings, and rows without any score, are NaN.
    """
    settings = config or PortfolioConfig()
    weight = min(1.0 / settings.top_k, settings.max_weight)
    out = np.full(scores.shape, np.nan)
    chosen = np.zeros(scores.shape[1], dtype=bool)
    scored = np.flatnonzero(~np.isnan(scores).all(axis=1))
    for row in range(int(scored[0]) if len(scored) else 0, len(scores), settings.rebalance_days):
        if np.isnan(scores[row]).all():
            continue
        chosen = _choose(scores[row], chosen, settings.top_k, settings.keep_k)
        out[row] = np.where(chosen, weight, 0.0)
    return out


def _choose(scores: Array, held: NDArray[np.bool_], top_k: int, keep_k: int) -> NDArray[np.bool_]:
    order = np.argsort(-scores, kind="stable")  # NaN last
    order = order[: int((~np.isnan(scores)).sum())]
    stay = [n for n in order[:keep_k] if held[n]][:top_k]
    fresh = [n for n in order if not held[n]][: top_k - len(stay)]
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[stay + fresh] = True
    return chosen
