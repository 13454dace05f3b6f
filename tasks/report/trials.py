"""What a night tried: trials, their distribution beside luck, and maps over parameters.

Plain values only, by the rules of `research`: whatever is unknown is None, never zero.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from tasks.errors import UserError
from tasks.report.research import Estimate
from tasks.report.words import Text, Words, is_empty

TrialState = Literal["SURVIVES", "CANDIDATE", "REJECTED", "EXCLUDED"]
TRIAL_STATES: tuple[TrialState, ...] = ("SURVIVES", "CANDIDATE", "REJECTED", "EXCLUDED")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One strategy with one set of parameters that was scored, or could not be.

    Attributes:
        name: such as `momentum 20/60`.
        sharpe: net of costs, per year, over the selection period.
        q: probability of being luck after correction for all trials.
        deflated: deflated Sharpe ratio, a probability.
        adjusted: net Sharpe after the haircut for the number of trials.
        out_of_sample: net Sharpe per year on data that selection never saw.
        drawdown: largest loss from a peak, a fraction below zero.
        turnover: one-way traded value per year in multiples of the capital.
        needed: days of record before its Sharpe is above what the best of all trials would reach
            by luck, with 95 % confidence; None where it is not above.
        stepwise: whether it beats the benchmark with all trials tested together (StepM).
        breakeven_bp: one-way cost at which the net Sharpe becomes zero.
        trades, days: trades made, days with a position.
        nights: how many nights in a row it has been a survivor.
        change: what is different from the last night.
        reason: for EXCLUDED, why it has no score.
    """

    name: str
    state: TrialState
    strategy: str = ""
    parameters: Mapping[str, str | float | int | bool] = dataclasses.field(default_factory=dict)
    sharpe: Estimate | None = None
    q: float | None = None
    deflated: float | None = None
    adjusted: float | None = None
    needed: float | None = None
    stepwise: bool | None = None
    out_of_sample: Estimate | None = None
    drawdown: float | None = None
    turnover: float | None = None
    breakeven_bp: float | None = None
    trades: int | None = None
    days: int | None = None
    nights: int | None = None
    change: Words = ""
    reason: Words = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Histogram:
    """Trials by net Sharpe, beside what luck alone would give.

    Attributes:
        edges: K + 1 bin edges, net Sharpe per year.
        counts: K numbers of trials.
        no_skill, low, high: K expected numbers without any skill, and their 5-95 % band.
        method: where the expectation comes from, such as "permutation of days".
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    no_skill: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    method: Words = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ParameterMap:
    """Net Sharpe over two parameters of one strategy, the others fixed.

    Attributes:
        x_name, y_name: names with their units, such as "fast window, days".
        x, y: the values tried, as they are printed.
        sharpe: one row per `y`, one value per `x`; None where nothing ran.
        contains_zero: the same shape; whether the 95 % interval contains zero.
        chosen: column and row of the chosen cell.
        fixed: the other parameters, in words.
    """

    strategy: str
    x_name: Words
    y_name: Words
    x: tuple[str, ...]
    y: tuple[str, ...]
    sharpe: tuple[tuple[float | None, ...], ...]
    contains_zero: tuple[tuple[bool | None, ...], ...] = ()
    chosen: tuple[int, int] | None = None
    fixed: Words = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Honesty:
    """Tests of choosing the best of many, and what they count.

    Attributes:
        effective: independent trials among tonight's, from the correlations of their days.
        total_effective: the same of the whole ledger.
        bar: Sharpe per year that the best of the whole ledger would reach without skill.
        luck_p: probability that the best of tonight's reaches what was seen without any skill.
        overfitting: probability that the best trial of one half of the time ends below the median
            of all on the other half; `loss` that it loses there; `choices` of halves looked at.
        superior_p: probability of seeing this if no trial beat the benchmark (Hansen's SPA).
        stepwise: trials found better than the benchmark together (StepM) at `stepwise_level`.
        draws, block: of the bootstrap behind both.
    """

    effective: float | None = None
    total_effective: float | None = None
    bar: float | None = None
    luck_p: float | None = None
    overfitting: float | None = None
    loss: float | None = None
    choices: int | None = None
    superior_p: float | None = None
    stepwise: int | None = None
    stepwise_level: float = 0.05
    draws: int | None = None
    block: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trials:
    """Everything that was tried tonight, and what honest testing leaves of it.

    Attributes:
        rows: the trials, at least every survivor and candidate; the rest may be left to the CSV.
        counts: number of trials by state; the four add up to N, the number tried.
        level: false discovery rate that the rule allows, a fraction.
        method: name of the rule, such as "Benjamini-Hochberg".
        period: first and last day of the selection data.
        over: what the returns are measured against, such as "the equal-weight universe"; every
            Sharpe ratio is of the difference. Empty: against nothing.
        best_name, best: the highest net Sharpe seen; never shown without N. `best_trial` is it.
        honesty: tests of choosing the best of so many.
        noise_best: what the best of N would reach without any skill, with a 5-95 % interval.
        excluded: reasons for EXCLUDED with their counts.
        ledger_total: trials since the ledger began.
        vault: first and last day of the held-out data; empty without any, then `no_vault` says why.
        vault_openings: how often it was looked at; None if there is no vault.
        sessions_per_year: trading days that turn daily Sharpe into yearly.
        csv: file beside the report with all rows.
    """

    rows: tuple[Trial, ...]
    counts: Mapping[str, int]
    level: float
    method: str
    period: tuple[str, str]
    over: Words = ""
    best_name: str = ""
    best: Estimate | None = None
    noise_best: Estimate | None = None
    excluded: tuple[tuple[Words, int], ...] = ()
    ledger_total: int | None = None
    vault: tuple[str, str] = ("", "")
    no_vault: Words = ""
    vault_openings: int | None = None
    honesty: Honesty | None = None
    best_trial: Trial | None = None
    histogram: Histogram | None = None
    maps: tuple[ParameterMap, ...] = ()
    sessions_per_year: int = 244
    csv: str = ""

    def __post_init__(self) -> None:
        if unknown := set(self.counts) - set(TRIAL_STATES):
            raise UserError(
                f"trial counts name the state {unknown.pop()!r}: use {', '.join(TRIAL_STATES)}"
            )
        listed: dict[str, int] = {}
        for row in self.rows:
            listed[row.state] = listed.get(row.state, 0) + 1
        for state, n in listed.items():
            if n > self.counts.get(state, 0):
                raise UserError(
                    f"{n} trials are listed as {state} but {self.counts.get(state, 0)} are "
                    "counted: count every trial once"
                )
        reasons = sum(n for _, n in self.excluded)
        if self.excluded and reasons != self.count("EXCLUDED"):
            raise UserError(
                f"the reasons for excluded trials add up to {reasons}, the count is "
                f"{self.count('EXCLUDED')}: give every excluded trial one reason"
            )

    def count(self, state: TrialState) -> int:
        """Number of trials in a state."""
        return self.counts.get(state, 0)

    @property
    def measured(self) -> Words:
        """What every Sharpe ratio here is of."""
        if is_empty(self.over):
            return Text("net Sharpe", "扣费后夏普")
        return Text("net Sharpe over the universe", "相对全体等权的扣费后夏普")

    @property
    def tried(self) -> int:
        """N: every trial of the night, scored or not."""
        return sum(self.counts.values())

    @property
    def scored(self) -> int:
        """Trials that have a score."""
        return self.tried - self.count("EXCLUDED")

    def of(self, *states: TrialState) -> tuple[Trial, ...]:
        """Rows in some states, least likely luck first, then by the interval's lower end."""
        chosen = [row for row in self.rows if row.state in states]
        return tuple(sorted(chosen, key=_least_luck_first))


def _least_luck_first(trial: Trial) -> tuple[float, float, str]:
    low = trial.sharpe.low if trial.sharpe and trial.sharpe.low is not None else float("-inf")
    return (trial.q if trial.q is not None else float("inf"), -low, trial.name)
