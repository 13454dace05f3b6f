"""Which trials survive honest testing, counting everything that was ever tried on their data."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.errors import UserError
from tasks.validation.noise import SESSIONS_PER_YEAR, Noise, noise
from tasks.validation.statistics import (
    deflated_sharpe_ratio,
    effective_trials,
    expected_maximum_sharpe,
    false_discovery,
    probabilistic_sharpe_ratio,
    sharpe_standard_error,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

State = Literal["SURVIVES", "CANDIDATE", "REJECTED", "EXCLUDED"]
STATES: tuple[State, ...] = ("SURVIVES", "CANDIDATE", "REJECTED", "EXCLUDED")
#: p below which a trial that fails the correction is still worth watching
CANDIDATE_P = 0.05
#: fewer days than this say nothing about a Sharpe ratio
MIN_DAYS = 60
Z95 = 1.959963984540054
_NEEDED = ("trial", "days", "sharpe", "skew", "kurtosis")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What honest testing leaves of a set of trials.

    Attributes:
        table: the trials' own columns and `low`, `high` (95 % interval of the yearly net Sharpe),
            `p` (one-sided, that the true Sharpe is not above 0), `q` (after correction),
            `deflated` (deflated Sharpe ratio, a probability), `adjusted` (yearly Sharpe minus what
            the best of noise reaches), `state` and `reason` (why EXCLUDED, else empty). Sorted by
            q, then the interval's lower end; excluded trials last.
        counts: number of trials in each state; the four add up to N.
        tried: N, every trial, scored or not.
        level: false discovery rate allowed.
        best: highest yearly net Sharpe seen; NaN if nothing was scored.
        best_of_noise: what the best of them would reach without any skill, per year.
        effective: effective number of independent trials; NaN without daily returns.
        noise: draws without skill; None without daily returns.
        rule: the rule in one sentence.
    """

    table: pd.DataFrame
    counts: dict[State, int]
    tried: int
    level: float
    best: float
    best_of_noise: float
    effective: float
    noise: Noise | None
    rule: str


def survivors(
    frame: pd.DataFrame,
    returns: Array | None = None,
    *,
    level: float = 0.10,
    method: Literal["bh", "by"] = "bh",
    min_days: int = MIN_DAYS,
    ledger_trials: int = 0,
    sessions: int = SESSIONS_PER_YEAR,
    seed: int = 7,
) -> Verdict:
    """Judge every trial of a set.

    Args:
        frame: one row per trial with `trial`, `days`, `sharpe` (net, per year, ddof 1), `skew`,
            `kurtosis` (3 for a normal distribution); optionally `excluded`, a reason not to judge
            it (a failed block, a leak), empty otherwise. Other columns pass through.
        returns: (K, T) daily net returns in the frame's order. With them the best of noise comes
            from days drawn again, which keeps the trials' dependence; without them from the
            formula for independent trials.
        level: false discovery rate allowed among survivors.
        method: `bh` or `by`, see `false_discovery`.
        min_days: trials with fewer days with a return are excluded.
        ledger_trials: trials tried since the ledger began, if more than tonight's; they raise the
            bar of the deflated Sharpe ratio.
        sessions: trading days a year.
        seed: seed of the draws.

    Raises:
        UserError: missing columns, repeated trials, returns of another shape, or a level outside
            (0, 1).
    """
    _check(frame, returns, level)
    reason = _reasons(frame, min_days)
    scored = np.array([not r for r in reason], dtype=bool)
    daily = np.where(scored, _column(frame, "sharpe"), np.nan) / np.sqrt(sessions)
    days, skew = _column(frame, "days"), _column(frame, "skew")
    kurtosis = _column(frame, "kurtosis")
    p = 1.0 - probabilistic_sharpe_ratio(daily, days, skew=skew, kurtosis=kurtosis)
    q = false_discovery(p, method)
    spread = float(np.nanstd(daily, ddof=1)) if int(scored.sum()) > 1 else 0.0
    number = max(int(scored.sum()), ledger_trials)
    error = sharpe_standard_error(daily, days, skew=skew, kurtosis=kurtosis)
    judged = None if returns is None or not scored.any() else returns[scored]
    drawn = None if judged is None else noise(judged, seed=seed, sessions=sessions)
    by_formula = float(expected_maximum_sharpe(number, spread)) * np.sqrt(sessions)
    best_of_noise = by_formula if drawn is None else drawn.best
    yearly = daily * np.sqrt(sessions)
    table = frame.assign(
        low=yearly - Z95 * error * np.sqrt(sessions),
        high=yearly + Z95 * error * np.sqrt(sessions),
        p=p,
        q=q,
        deflated=deflated_sharpe_ratio(
            daily, days, n_trials=number, trials_std=spread, skew=skew, kurtosis=kurtosis
        ),
        adjusted=yearly - best_of_noise,
        state=_states(p, q, level),
        reason=reason,
    ).drop(columns="excluded", errors="ignore")
    table = table.sort_values(["q", "low", "trial"], ascending=[True, False, True])
    return Verdict(
        table=table.reset_index(drop=True),
        counts={state: int((table["state"] == state).sum()) for state in STATES},
        tried=len(frame),
        level=level,
        best=float(np.nanmax(yearly)) if scored.any() else float("nan"),
        best_of_noise=best_of_noise if scored.any() else float("nan"),
        effective=float("nan") if judged is None else effective_trials(judged),
        noise=drawn,
        rule=rule(level, method, len(frame), int(scored.sum()), ledger_trials),
    )


def rule(level: float, method: str, tried: int, scored: int, ledger_trials: int = 0) -> str:
    """The rule in one sentence, with the number of trials it was applied to."""
    name = {"bh": "Benjamini-Hochberg", "by": "Benjamini-Yekutieli"}[method]
    unscored = f", {tried - scored:,} of them not scored" if tried > scored else ""
    ledger = f"; {ledger_trials:,} trials since the ledger began" if ledger_trials else ""
    return (
        f"A trial survives if its net Sharpe ratio is above 0 at a false discovery rate of "
        f"{level:.0%} ({name}) over the {tried:,} trials of tonight{unscored}{ledger}."
    )


def _check(frame: pd.DataFrame, returns: Array | None, level: float) -> None:
    missing = [c for c in _NEEDED if c not in frame.columns]
    if missing:
        raise UserError(
            f"the trial table has no column {missing[0]!r}; it has {', '.join(frame.columns)}: "
            "give the table of a sweep"
        )
    if frame["trial"].duplicated().any():
        twice = frame["trial"][frame["trial"].duplicated()].iloc[0]
        raise UserError(f"trial {twice} stands twice in the trial table: count every trial once")
    if returns is not None and (returns.ndim != 2 or len(returns) != len(frame)):
        raise UserError(
            f"returns of shape {returns.shape} do not fit {len(frame)} trials: one row per trial"
        )
    if not 0.0 < level < 1.0:
        raise UserError(f"false discovery rate {level} is not between 0 and 1: choose 0.10")


def _reasons(frame: pd.DataFrame, min_days: int) -> list[str]:
    """Why each trial cannot be judged; empty for those that can."""
    given = frame["excluded"].fillna("") if "excluded" in frame.columns else [""] * len(frame)
    sharpe, days = _column(frame, "sharpe"), _column(frame, "days")
    shape = np.isfinite(_column(frame, "skew")) & np.isfinite(_column(frame, "kurtosis"))
    out = []
    for i, stated in enumerate(given):
        if stated:
            out.append(str(stated))
        elif not days[i] >= min_days:
            out.append(f"fewer than {min_days} days with a return")
        elif not (np.isfinite(sharpe[i]) and shape[i]):
            out.append("its returns never vary")
        else:
            out.append("")
    return out


def _states(p: Array, q: Array, level: float) -> list[State]:
    states: list[State] = []
    for one_p, one_q in zip(p, q, strict=True):
        if np.isnan(one_q):
            states.append("EXCLUDED")
        elif one_q <= level:
            states.append("SURVIVES")
        else:
            states.append("CANDIDATE" if one_p <= CANDIDATE_P else "REJECTED")
    return states


def _column(frame: pd.DataFrame, name: str) -> Array:
    return frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
