"""The model, the single factors and tomorrow's ranking, from the artifacts of training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tasks.report.research import (
    Decay,
    Drift,
    Estimate,
    Factor,
    Factors,
    Fold,
    Importance,
    LeftOut,
    Model,
    MonthlyIc,
    QuantileReturns,
    Ranked,
    Ranking,
)
from tasks.report.words import Text, Words
from tasks.validation.statistics import false_discovery

if TYPE_CHECKING:
    import pandas as pd

Json = Mapping[str, Any]

#: rows of the ranking in the report; the rest is in the CSV beside it
RANKED_ROWS = 312

LABELS: dict[str, Words] = {
    "open_to_open": Text(
        "return from the next open to the open after, gross", "次日开盘至再次日开盘收益，扣费前"
    ),
    "qlib": Text(
        "return from the next close to the close after, gross", "次日收盘至再次日收盘收益"
    ),
}


def model(
    name: str, evaluation: Json, drift: pd.DataFrame | None, best: Factor | None, seed: int
) -> Model:
    """The walk-forward model and its scores out of sample, beside the best single factor's."""
    return Model(
        name=name,
        folds=tuple(_fold(row) for row in evaluation["folds"]),
        test=estimate(evaluation["rank_ic"]),
        label=LABELS[evaluation["label"]],
        baseline=best.ic if best else None,
        baseline_name=best.name if best else "",
        importance=tuple(
            Importance(row["feature"], row["median"], row["low"], row["high"])
            for row in evaluation["importance"]
        ),
        drift=() if drift is None else tuple(_drift(row) for _, row in drift.iterrows()),
        device=evaluation["device"],
        seeds=(seed,),
        note=evaluation["note"],
    )


def factors(
    scores: pd.DataFrame,
    evaluation: Json | None,
    coverage: pd.DataFrame,
    expressions: Mapping[str, str],
    left_out: tuple[LeftOut, ...] = (),
) -> Factors:
    """Single factors with their own q, and how the model's own score behaves through time.

    Args:
        scores: see `tasks.models.evaluate.factor_scores`.
        evaluation: of the model, None without one.
        coverage: see `tasks.models.evaluate.coverage`, with the `set` of each factor.
        expressions: text of the factors that are expressions.
        left_out: factors that the night did without.
    """
    q = false_discovery(scores["p"].to_numpy())
    known = {row["factor"]: row for row in coverage.to_dict("records")}
    rows = tuple(
        Factor(
            name=row["factor"],
            ic=Estimate(row["ic"], row["low"], row["high"], int(row["days"])),
            t=row["t"],
            q=float(q[i]),
            coverage=_known(known[row["factor"]]["coverage"]),
            missing=_known(known[row["factor"]]["missing"]),
            set=known[row["factor"]]["set"],
            expression=expressions.get(row["factor"], ""),
        )
        for i, row in enumerate(scores.to_dict("records"))
    )
    period = tuple(evaluation["period"]) if evaluation and evaluation["period"] else ("", "")
    return Factors(
        rows=rows,
        label=LABELS[evaluation["label"]] if evaluation else "",
        period=(period[0], period[1]),
        monthly=(_monthly(evaluation),) if evaluation else (),
        decay=(_decay(evaluation),) if evaluation else (),
        quantiles=(_quantiles(evaluation),) if evaluation else (),
        left_out=left_out,
        csv="factors.csv",
    )


def ranking(table: pd.DataFrame, day: str, previous: Mapping[str, int]) -> Ranking:
    """Tomorrow's ranking beside last night's ranks."""
    rows = tuple(
        Ranked(
            rank=int(row["rank"]),
            symbol=row["symbol"],
            score=float(row["score"]),
            previous=previous.get(row["symbol"]),
            group=str(row["quantile"]),
        )
        for row in table.head(RANKED_ROWS).to_dict("records")
    )
    return Ranking(
        day=day,
        rows=rows,
        total=len(table),
        score=Text("the model's output; only its order has a meaning", "模型输出，仅排序有意义"),
        csv="ranking.csv",
    )


def estimate(value: Json) -> Estimate:
    """An estimate from a mean with its interval."""
    return Estimate(value["mean"], value["low"], value["high"], value["n"])


def _fold(row: Json) -> Fold:
    return Fold(
        number=row["fold"] + 1,  # as its block is called
        train=row["train"],
        valid=row["valid"],
        test=Estimate(row["test"], row["test_low"], row["test_high"], row["test_days"]),
        test_period=(row["test_from"], row["test_to"]),
    )


def _drift(row: pd.Series[Any]) -> Drift:
    psi, low, high, usual = (_known(row[name]) for name in ("psi", "low", "high", "usual"))
    return Drift(row["feature"], psi, low, high, usual, row["state"])


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _monthly(evaluation: Json) -> MonthlyIc:
    rows = evaluation["monthly"]
    return MonthlyIc(
        name="model",
        months=tuple(row["month"][:7] for row in rows),
        ic=tuple(row["mean"] for row in rows),
        error=tuple(row["se"] for row in rows),
    )


def _decay(evaluation: Json) -> Decay:
    rows = evaluation["decay"]
    return Decay(
        name="model",
        horizons=tuple(row["horizon"] for row in rows),
        ic=tuple(Estimate(row["mean"], row["low"], row["high"], row["days"]) for row in rows),
    )


def _quantiles(evaluation: Json) -> QuantileReturns:
    rows = [row for row in evaluation["quantiles"] if row["quantile"] != "spread"]
    return QuantileReturns(
        name="model",
        returns=tuple(
            Estimate(row["mean_bp"], row["low_bp"], row["high_bp"], row["days"]) for row in rows
        ),
        days=max((row["days"] for row in rows), default=0),
    )
