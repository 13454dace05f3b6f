"""Which trials survive honest testing, counting everything that was ever tried on their data."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.data import trialsets
from tasks.errors import UserError
from tasks.validation.noise import SESSIONS_PER_YEAR, Noise, noise
from tasks.validation.overfitting import Overfitting, probability_of_backtest_overfitting
from tasks.validation.statistics import (
    deflated_sharpe_ratio,
    effective_trials,
    expected_maximum_sharpe,
    false_discovery,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
    sharpe_standard_error,
)
from tasks.validation.superior import Superior, superior

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
#: fewer months than this say nothing about how trials go together
MIN_MONTHS = 12
#: parts of the time in the cross-validated choice of the best
PARTS = 16
Z95 = 1.959963984540054
_NEEDED = ("trial", "days", "sharpe", "skew", "kurtosis")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What honest testing leaves of a set of trials.

    Attributes:
        table: the trials' own columns and `low`, `high` (95 % interval of the yearly Sharpe),
            `p` (one-sided, that the true Sharpe is not above 0), `q` (after correction),
            `deflated` (deflated Sharpe ratio, a probability), `needed` (days of record before its
            Sharpe is above the bar with 95 % confidence; inf if it is not above), `adjusted`
            (yearly Sharpe minus what the best of noise reaches), `stepwise` (StepM finds it better
            than the benchmark), `state` and `reason` (why EXCLUDED, else empty). Sorted by q, then
            the interval's lower end; excluded trials last.
        counts: number of trials in each state; the four add up to N.
        tried: N, every trial of tonight, scored or not.
        total: trials since the ledger began, tonight's among them.
        level: false discovery rate allowed.
        best: highest yearly Sharpe seen; NaN if nothing was scored.
        best_of_noise: what the best of tonight's would reach without any skill, per year.
        bar: what the best of tonight's scored trials and all earlier ones of the ledger would
            reach, by the formula for independent trials, per year: the benchmark of `deflated` and
            `needed`.
        effective: effective number of independent trials of tonight; NaN without daily returns.
        noise: draws without skill; None without daily returns.
        overfitting: cross-validation of choosing the best; None without daily returns, with fewer
            than two trials or too few days.
        superior: tests of all trials at once against the benchmark; None without daily returns.
        rule: the rule in one sentence.
    """

    table: pd.DataFrame
    counts: dict[State, int]
    tried: int
    total: int
    level: float
    best: float
    best_of_noise: float
    bar: float
    effective: float
    noise: Noise | None
    overfitting: Overfitting | None
    superior: Superior | None
    rule: str


def survivors(
    frame: pd.DataFrame,
    returns: Array | None = None,
    *,
    level: float = 0.10,
    method: Literal["bh", "by"] = "bh",
    min_days: int = MIN_DAYS,
    past: pd.DataFrame | None = None,
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
        past: what was tried before on the same data, without these trials (see
            `tasks.data.trialsets`), with `days` and `sharpe` (per day) of each. They count in the
            correction, each as if it had found nothing so that no earlier find makes a later one
            easier, in the bar of the deflated Sharpe ratio and in the record that is needed. One
            that has no score counts just as much, for whoever tried it may have looked at it: as
            one of its own, that scatters like the scored ones and no less than chance lets it.
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
    before = 0 if past is None else len(past)
    earlier = _earlier(past)
    q = false_discovery(p, method, nothing_found=before)
    number = int(scored.sum()) + before
    spread = _scatter(np.concatenate([daily[scored], earlier]), days[scored], number)
    error = sharpe_standard_error(daily, days, skew=skew, kurtosis=kurtosis)
    judged = None if returns is None or not scored.any() else returns[scored]
    drawn = None if judged is None else noise(judged, seed=seed, sessions=sessions)
    bar = float(expected_maximum_sharpe(number, spread))
    tests = None if judged is None else superior(judged, seed=seed)
    stepwise = np.zeros(len(frame), dtype=bool)
    if tests is not None:
        stepwise[scored] = tests.better
    best_of_noise = bar * np.sqrt(sessions) if drawn is None else drawn.best
    yearly = daily * np.sqrt(sessions)
    table = frame.assign(
        low=yearly - Z95 * error * np.sqrt(sessions),
        high=yearly + Z95 * error * np.sqrt(sessions),
        p=p,
        q=q,
        deflated=deflated_sharpe_ratio(
            daily, days, n_trials=number, trials_std=spread, skew=skew, kurtosis=kurtosis
        ),
        needed=minimum_track_record_length(daily, skew=skew, kurtosis=kurtosis, benchmark=bar),
        adjusted=yearly - best_of_noise,
        stepwise=stepwise,
        state=_states(p, q, level),
        reason=reason,
    ).drop(columns="excluded", errors="ignore")
    table = table.sort_values(["q", "low", "trial"], ascending=[True, False, True])
    return Verdict(
        table=table.reset_index(drop=True),
        counts={state: int((table["state"] == state).sum()) for state in STATES},
        tried=len(frame),
        total=len(frame) + before,
        level=level,
        best=float(np.nanmax(yearly)) if scored.any() else float("nan"),
        best_of_noise=best_of_noise if scored.any() else float("nan"),
        bar=bar * float(np.sqrt(sessions)) if scored.any() else float("nan"),
        effective=float("nan") if judged is None else effective_trials(judged),
        noise=drawn,
        overfitting=_overfitting(judged),
        superior=tests,
        rule=rule(level, method, len(frame), int(scored.sum()), before, before - len(earlier)),
    )


def rule(
    level: float, method: str, tried: int, scored: int, earlier: int = 0, unknown: int = 0
) -> str:
    """The rule in one sentence, with the number of trials it was applied to.

    Args:
        level: false discovery rate.
        method: of `survivors`.
        tried: trials of tonight.
        scored: of them, those that have a score.
        earlier: trials of the ledger.
        unknown: of them, those without a score.
    """
    name = {"bh": "Benjamini-Hochberg", "by": "Benjamini-Yekutieli"}[method]
    unscored = f", {tried - scored:,} of them not scored" if tried > scored else ""
    ledger = f" and {earlier:,} earlier ones of the ledger" if earlier else ""
    if unknown:
        ledger += f", {unknown:,} of them counted without a score"
    return (
        f"A trial survives if its Sharpe ratio is above 0 at a false discovery rate of "
        f"{level:.0%} ({name}) over the {tried:,} trials of tonight{unscored}{ledger}."
    )


def effective_of_ledger(trial_sets: Sequence[pd.DataFrame]) -> float:
    """Effective number of independent trials of several sets, from their monthly sums.

    A trial without monthly sums (of a large sweep, of accounts alone, never scored) may be anything
    and counts as one of its own, which is never too few; so do all of them with fewer than a year
    of months.

    Args:
        trial_sets: see `tasks.data.trialsets`; no trial stands in two of them.
    """
    import pandas as pd

    whole = pd.concat([s for s in trial_sets if len(s)], ignore_index=True)
    names = trialsets.months(whole)
    sums = whole[names].to_numpy(dtype=np.float64)
    known = np.isfinite(sums).sum(axis=1) >= MIN_MONTHS
    return float((~known).sum()) + (effective_trials(sums[known]) if known.any() else 0.0)


def _overfitting(returns: Array | None) -> Overfitting | None:
    """Cross-validated choice of the best; None where there is no choice or too little time."""
    if returns is None or len(returns) < 2 or returns.shape[1] < 2 * PARTS:
        return None
    return probability_of_backtest_overfitting(returns, PARTS)


def _earlier(past: pd.DataFrame | None) -> Array:
    """Sharpe ratios per day of the earlier trials that were scored."""
    if past is None or not len(past) or "sharpe" not in past.columns:
        return np.empty(0)
    known = (_column(past, "days") >= MIN_DAYS) & np.isfinite(_column(past, "sharpe"))
    return _column(past, "sharpe")[known]


def _scatter(sharpe: Array, days: Array, number: int) -> float:
    """Standard deviation of the Sharpe ratios per day of `number` trials, of which some are known.

    The others may be anything: taken is the scored ones' variance, and at least what independent
    trials without any skill have over as many days, 1 / (days - 1).
    """
    if number < 2 or not len(days):
        return 0.0
    seen = float(np.var(sharpe, ddof=1)) if len(sharpe) > 1 else 0.0
    unseen = max(seen, 1.0 / (float(np.median(days)) - 1.0))
    share = (number - len(sharpe)) / number
    return float(np.sqrt(seen + share * (unseen - seen)))


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
