"""The trials of the night's sweep and what honest testing leaves of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.report.research import Estimate
from tasks.report.trials import Histogram, Honesty, ParameterMap, Trial, Trials
from tasks.report.words import Text, Words

if TYPE_CHECKING:
    import pandas as pd

Json = Mapping[str, Any]

#: trials listed in the report beside every survivor; the rest is in the CSV
LISTED = 100
PARAMETERS: dict[str, Words] = {
    "fast": Text("fast window, trading days", "快线窗口，交易日"),
    "slow": Text("slow window, trading days", "慢线窗口，交易日"),
}
NOISE_METHOD = Text(
    "trials without their mean, days drawn again in blocks of about ten",
    "去除各试验均值后按约十日分块重抽样",
)


def trials(judged: Json, table: pd.DataFrame, vault: Json) -> Trials:
    """Trials of one strategy.

    Args:
        judged: the judgement's head, `judged.json` of the artifact.
        table: one row per trial, least likely luck first.
        vault: the summary's: interval and openings.
    """
    names = judged["parameters"]
    rows = table.head(LISTED).to_numpy(object)
    records = [dict(zip(map(str, table), row, strict=True)) for row in rows]
    best = _best(table)
    noise = judged["noise"]
    reasons = table.loc[table["state"] == "EXCLUDED", "reason"].value_counts()
    return Trials(
        rows=tuple(_trial(row, judged["strategy"], names) for row in records),
        counts=judged["counts"],
        level=judged["level"],
        method="Benjamini–Hochberg",
        period=(judged["period"][0], judged["period"][1]),
        over=Text("holding the whole universe in equal weights", "等权持有全部股票"),
        best_name="" if best is None else _name(best, judged["strategy"], names),
        best=None if best is None else _sharpe(best),
        noise_best=None
        if noise is None
        else Estimate(noise["best"], noise["low"], noise["high"], noise["draws"]),
        excluded=tuple((str(reason), int(n)) for reason, n in reasons.items()),
        ledger_total=judged["total"],
        vault=(vault.get("start", ""), vault.get("end", "")),
        no_vault=vault.get("why", ""),
        vault_openings=len(vault["openings"]) if vault.get("start") else None,
        honesty=_honesty(judged),
        best_trial=None if best is None else _trial(best, judged["strategy"], names),
        histogram=None if noise is None else _histogram(noise),
        maps=_maps(judged["strategy"], names, table, best),
        csv="trials.csv",
    )


def _honesty(judged: Json) -> Honesty:
    overfitting, superior = judged["overfitting"] or {}, judged["superior"] or {}
    return Honesty(
        effective=judged["effective"],
        total_effective=judged["effective_total"],
        bar=judged["bar"],
        luck_p=None if judged["noise"] is None else judged["noise"]["p_best"],
        overfitting=overfitting.get("probability"),
        loss=overfitting.get("loss_probability"),
        choices=overfitting.get("choices"),
        superior_p=superior.get("p"),
        stepwise=superior.get("better"),
        stepwise_level=superior.get("level", 0.05),
        draws=superior.get("draws"),
        block=superior.get("block"),
    )


def _best(table: pd.DataFrame) -> dict[str, Any] | None:
    """The row with the highest net Sharpe; None if nothing was scored."""
    known = table[table["sharpe"].notna()]
    if not len(known):
        return None
    row = known.iloc[int(known["sharpe"].to_numpy().argmax())]
    return {str(k): v for k, v in row.items()}


def _name(row: Mapping[str, Any], strategy: str, names: Sequence[str]) -> str:
    return f"{strategy} " + "/".join(f"{row[n]:g}" for n in names)


def _sharpe(row: Mapping[str, Any]) -> Estimate:
    return Estimate(row["sharpe"], row["low"], row["high"], int(row["days"]))


def _trial(row: Mapping[str, Any], strategy: str, names: Sequence[str]) -> Trial:
    return Trial(
        name=_name(row, strategy, names),
        state=row["state"],
        strategy=strategy,
        parameters={n: float(row[n]) for n in names},
        sharpe=_sharpe(row),
        q=_known(row["q"]),
        deflated=_known(row["deflated"]),
        adjusted=_known(row["adjusted"]),
        needed=_known(row["needed"]),
        stepwise=bool(row["stepwise"]),
        drawdown=_known(row["max_drawdown"]),
        turnover=_known(row["turnover"]),
        breakeven_bp=_known(row["breakeven_bp"]),
        trades=int(row["trades"]),
        days=int(row["days"]),
        reason=row["reason"],
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _histogram(noise: Json) -> Histogram:
    return Histogram(
        edges=tuple(noise["edges"]),
        counts=tuple(noise["counts"]),
        no_skill=tuple(noise["expected"]),
        low=tuple(noise["expected_low"]),
        high=tuple(noise["expected_high"]),
        method=NOISE_METHOD,
    )


def _maps(
    strategy: str, names: Sequence[str], table: pd.DataFrame, best: Mapping[str, Any] | None
) -> tuple[ParameterMap, ...]:
    """Net Sharpe over the two parameters; none where a strategy has another number of them."""
    if len(names) != 2:
        return ()
    down, across = names
    xs, ys = np.unique(table[across]), np.unique(table[down])
    sharpe = np.full((len(ys), len(xs)), np.nan)
    zero = np.zeros(sharpe.shape, dtype=bool)
    at = np.searchsorted(ys, table[down]), np.searchsorted(xs, table[across])
    sharpe[at] = table["sharpe"]
    zero[at] = (table["low"] <= 0) & (table["high"] >= 0)
    chosen = None
    if best is not None:
        chosen = (int(np.searchsorted(xs, best[across])), int(np.searchsorted(ys, best[down])))
    return (
        ParameterMap(
            strategy=strategy,
            x_name=PARAMETERS.get(across, across),
            y_name=PARAMETERS.get(down, down),
            x=tuple(f"{v:g}" for v in xs),
            y=tuple(f"{v:g}" for v in ys),
            sharpe=tuple(tuple(_known(v) for v in line) for line in sharpe),
            contains_zero=tuple(tuple(bool(v) for v in line) for line in zero),
            chosen=chosen,
        ),
    )
