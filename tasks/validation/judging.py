"""A verdict as plain values, for an artifact, the report and the summary."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from tasks.errors import UserError
from tasks.validation.overfitting import overfitting_from_moments
from tasks.validation.statistics import expected_maximum_sharpe
from tasks.validation.superior import superior
from tasks.validation.trials import effective_of_ledger

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.backtest.stream import Leaders
    from tasks.backtest.trials import TrialTable
    from tasks.validation.overfitting import Overfitting
    from tasks.validation.superior import Superior
    from tasks.validation.trials import Verdict

    Array = NDArray[Any]


def judged(
    verdict: Verdict, table: TrialTable, own: pd.DataFrame, past: pd.DataFrame
) -> dict[str, Any]:
    """Everything about a verdict but its table, as JSON values; what is unknown is None.

    Args:
        verdict: of a sweep's trials.
        table: the sweep.
        own: its trial set.
        past: the ledger without it.
    """
    found, tests = verdict.overfitting, verdict.superior
    return {
        "counts": verdict.counts,
        "tried": verdict.tried,
        "total": verdict.total,
        "level": verdict.level,
        "best": _known(verdict.best),
        "best_of_noise": _known(verdict.best_of_noise),
        "bar": _known(verdict.bar),
        "effective": _known(verdict.effective),
        "effective_total": _known(_independent(verdict, own, past)),
        "rule": verdict.rule,
        "strategy": table.combinations.strategy,
        "parameters": list(table.combinations.names),
        "period": [str(table.dates[0]), str(table.dates[-1])],
        "noise": None if verdict.noise is None else _plain(verdict.noise),
        "overfitting": None if found is None else _overfitting_values(found),
        "superior": None if tests is None else superior_values(tests),
    }


def best_of_many(leaders: Leaders) -> dict[str, Any]:
    """What the best of a large sweep is worth: what as many without any skill would reach."""
    return {
        "trials": leaders.count,
        "failed": leaders.count - leaders.scored,
        "best": leaders.highest,
        "best_of_noise": float(expected_maximum_sharpe(leaders.scored, leaders.spread)),
    }


def cross_validated(days: Array, sums: Array, squares: Array) -> dict[str, Any]:
    """Whether picking the best of some sets tells anything, or why that is unknown.

    Args:
        days: days with a return of each set (K rows) in each period of time.
        sums: of its returns there.
        squares: sums of their squares.
    """
    told = {"overfitting": None, "overfitting_of": len(days), "overfitting_unknown": ""}
    try:
        found = overfitting_from_moments(days, sums, squares)
    except UserError as error:
        return told | {"overfitting_unknown": str(error)}
    return told | {"overfitting": _overfitting_values(found)}


def _overfitting_values(found: Overfitting) -> dict[str, Any]:
    return {
        "probability": found.probability,
        "loss_probability": found.loss_probability,
        "slope": _known(found.slope),
        "trials": found.trials,
        "choices": found.choices,
    }


def superior_among(excess: Array) -> dict[str, Any]:
    """SPA and StepM of some sets, or why they say nothing.

    Args:
        excess: daily returns over the benchmark, (K, D).
    """
    told: dict[str, Any] = {"sets": len(excess), "unknown": ""}
    try:
        return told | superior_values(superior(excess))
    except UserError as error:
        return told | {"unknown": str(error)}


def superior_values(tests: Superior) -> dict[str, Any]:
    """SPA and StepM as JSON values: p, how many are better, level, draws, mean block of days."""
    return {
        "p": tests.p,
        "better": int(tests.better.sum()),
        "level": tests.level,
        "draws": tests.draws,
        "block": tests.block,
    }


def _independent(verdict: Verdict, own: pd.DataFrame, past: pd.DataFrame) -> float:
    """Effective number of the whole ledger; tonight's own where nothing else was tried."""
    if not len(past):
        return verdict.effective
    return effective_of_ledger([own, past])


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass of numbers and arrays as JSON values."""
    return {
        k: v.tolist() if hasattr(v, "tolist") else v for k, v in dataclasses.asdict(value).items()
    }
