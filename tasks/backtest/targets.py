"""Targets of a portfolio: from scores or signals to weights, and what no target can mean.

Kinds of target: *weights* are fractions of the equity, *shares* are holdings, *signals* say hold
(above zero) or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.arrays.benches import CPU, Bench
from tasks.arrays.kinds import kind as kind_of
from tasks.arrays.kinds import to_numpy
from tasks.backtest.config import PortfolioConfig
from tasks.backtest.inputs import refuse_strangers
from tasks.backtest.kernels import parts
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel
    from tasks.market.rules import RuleBook

    Array = NDArray[np.float64]

TargetKind = Literal["weights", "shares", "signals"]
#: targets may exceed one by this much, the rounding of many weights: of double precision, and of
#: types with fewer digits
TOLERANCE = 1e-9
_COARSE = {"float32": 1e-6, "float16": 1e-3}


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


def signal_weights(signals: Array, bench: Bench = CPU) -> Array:
    """Equal parts of what signals say to hold, (T, N); NaN rows while the set stays the same.

    Args:
        signals: (T, N), above zero: hold; zero, below or NaN: do not hold.
        bench: what computes; the bits are the same.
    """
    return bench.leave(bench.made(parts.equal_parts, signals.shape, np.float64, signals))


def aligned(panel: Panel, targets: Any) -> Array:
    """Targets as an array on the panel's grid, (T, N).

    Args:
        panel: the bars.
        targets: an array of that shape, or a DataFrame labelled by the panel's dates and symbols;
            its columns may stand in another order.

    Raises:
        UserError: another shape, unknown or missing symbols, other dates.
    """
    if kind_of(targets) == "pandas":
        targets = _by_label(panel, targets)
    values = np.ascontiguousarray(to_numpy(targets, "targets"))
    if values.shape != panel.shape:
        raise UserError(
            f"the targets have shape {values.shape}, the panel's grid is {panel.shape}: "
            "give one row per date and one column per symbol"
        )
    return values


def rounding(targets: Any) -> float:
    """How much a row of targets may exceed one, by the type of its numbers, of any array kind."""
    types = getattr(targets, "dtypes", None)  # of frames, one for each column
    names = {str(t).lower().rpartition(".")[2] for t in ([] if types is None else types)}
    names |= {str(getattr(targets, "dtype", "")).lower().rpartition(".")[2]}
    return max((_COARSE.get(name, TOLERANCE) for name in names), default=TOLERANCE)


def deciding_rows(
    panel: Panel,
    targets: Array,
    kind: TargetKind,
    max_weight: float = 1.0,
    rules: RuleBook | None = None,
    tolerance: float = TOLERANCE,
) -> NDArray[np.bool_]:
    """Rows that set targets, (T,); refuses what no target can mean.

    Args:
        panel: the bars.
        targets: (T, N).
        kind: what targets are.
        max_weight: largest weight that is accepted.
        rules: the rule book, or none.
        tolerance: how far weights may exceed their bounds, see `rounding`.

    Raises:
        UserError: a row is NaN in part, negative or infinite, a weight is above `max_weight`,
            weights sum to more than one, or an index or a symbol that the rule book does not know
            is to be bought.
    """
    known, wrong = parts.counts(targets)
    decides = np.asarray(known == targets.shape[1])
    rows = np.flatnonzero((known > 0) | decides)
    chosen = targets[rows]
    if (known[rows] < targets.shape[1]).any() or wrong.any():
        row, column = np.argwhere(~((chosen >= 0.0) & (chosen < np.inf)))[0]
        what = "a weight between 0 and 1" if kind == "weights" else "a number of shares"
        raise UserError(
            f"the target of {panel.symbols[column]} on {panel.dates[rows[row]]} is "
            f"{chosen[row, column]}: give {what} (0 to hold none), or a whole row of NaN to keep "
            "what is held"
        )
    if kind == "weights":
        _check_weights(panel, chosen, rows, max_weight, tolerance)
    refuse_strangers(panel, chosen, rules)
    return decides


def _check_weights(
    panel: Panel, chosen: Array, rows: NDArray[np.int64], max_weight: float, tolerance: float
) -> None:
    if max_weight < 1.0 and (chosen > max_weight + tolerance).any():
        row, column = np.argwhere(chosen > max_weight + tolerance)[0]
        raise UserError(
            f"the target of {panel.symbols[column]} on {panel.dates[rows[row]]} is "
            f"{chosen[row, column]:.6g}, above the largest weight {max_weight:g}: lower it, or "
            "raise max_weight"
        )
    total = chosen.sum(axis=1)
    if (total > 1.0 + tolerance).any():
        row = int(np.argmax(total > 1.0 + tolerance))
        raise UserError(
            f"the targets of {panel.dates[rows[row]]} sum to {total[row]:.12g}: "
            "scale them to at most 1, there is no borrowing"
        )


def _by_label(panel: Panel, table: Any) -> Any:
    """A DataFrame's values in the order of the panel's symbols."""
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise UserError("the targets are one pandas column: give a DataFrame, dates by symbols")
    known = set(panel.symbols)
    strange = [str(c) for c in table.columns if c not in known]
    if strange:
        raise UserError(
            f"the targets name {strange[0]!r}, which is not among the {len(known)} symbols of "
            f"source {panel.source!r} ({len(strange)} such): drop it, or load its bars"
        )
    missing = sorted(known - set(table.columns))
    if missing or not table.columns.is_unique:
        twice = f"{missing[0]} is missing" if missing else "a symbol stands there twice"
        raise UserError(
            f"the targets do not match the panel's symbols: {twice}; give each of the "
            f"{len(known)} symbols one column, such as targets.reindex(columns=panel.symbols)"
        )
    try:
        index = pd.DatetimeIndex(table.index)
    except (TypeError, ValueError):
        raise UserError(
            f"the targets' rows are labelled {str(table.index[0])[:40]!r} and so on, which are no "
            "dates: label them with the panel's, such as targets.set_axis(panel.dates)"
        ) from None
    if (
        len(index) != len(panel.dates)
        or (index.values.astype("datetime64[D]") != panel.dates).any()
    ):
        raise UserError(
            f"the targets' {len(index)} dates are not the panel's {len(panel.dates)} sessions: "
            "align them, such as targets.reindex(panel.dates)"
        )
    return table[list(panel.symbols)]
