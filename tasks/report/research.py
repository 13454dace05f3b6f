"""What a night found out: trials, portfolios, factors, the model and the ranking.

Plain values only. Every estimate is an `Estimate` with its interval; whatever is unknown is None,
never zero. Returns and shares are fractions, costs are basis points, dates are ISO strings.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from tasks.errors import UserError
from tasks.report.words import Words

TrialState = Literal["SURVIVES", "CANDIDATE", "REJECTED", "EXCLUDED"]
TRIAL_STATES: tuple[TrialState, ...] = ("SURVIVES", "CANDIDATE", "REJECTED", "EXCLUDED")
MetricKind = Literal[
    "ratio", "coefficient", "percent", "share", "probability", "bp", "count", "times"
]


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number estimated from data, with its interval.

    Attributes:
        value: the estimate; None if it could not be computed.
        low, high: ends of the interval, 95 % unless the part that holds it says otherwise.
        n: how many observations it rests on.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None


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
class Trials:
    """Everything that was tried tonight, and what honest testing leaves of it.

    Attributes:
        rows: the trials, at least every survivor and candidate; the rest may be left to the CSV.
        counts: number of trials by state; the four add up to N, the number tried.
        level: false discovery rate that the rule allows, a fraction.
        method: name of the rule, such as "Benjamini-Hochberg".
        period: first and last day of the selection data.
        best_name, best: the highest net Sharpe seen; never shown without N.
        noise_best: what the best of N would reach without any skill, with a 5-95 % interval.
        excluded: reasons for EXCLUDED with their counts.
        ledger_total: trials since the ledger began.
        vault_openings: how often the held-out data was looked at; None if there is no vault.
        overfitting: probability of backtest overfitting.
        sessions_per_year: trading days that turn daily Sharpe into yearly.
        csv: file beside the report with all rows.
    """

    rows: tuple[Trial, ...]
    counts: Mapping[str, int]
    level: float
    method: str
    period: tuple[str, str]
    best_name: str = ""
    best: Estimate | None = None
    noise_best: Estimate | None = None
    excluded: tuple[tuple[Words, int], ...] = ()
    ledger_total: int | None = None
    vault_openings: int | None = None
    overfitting: Estimate | None = None
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cone:
    """Range of growth expected out of sample from the in-sample part alone, by day.

    Attributes:
        start: index into the portfolio's dates of the first day.
        low90, low50, high50, high90: growth of 1, one value per day from `start`.
    """

    start: int
    low90: tuple[float, ...]
    low50: tuple[float, ...]
    high50: tuple[float, ...]
    high90: tuple[float, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class YearReturn:
    """Net return of one calendar year, a fraction; `until` for a part year, such as 2026-11-20."""

    year: int
    net: float | None
    benchmark: float | None = None
    error: float | None = None
    until: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MonthReturn:
    """Net return of a month, a fraction; None where there was none; `until` marks a part month."""

    year: int
    month: int
    net: float | None
    until: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """One figure of a portfolio: what it is, how it prints, net or gross, in or out of sample."""

    name: Words
    value: Estimate
    kind: MetricKind = "ratio"
    basis: Words = ""
    period: Words = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CostCurve:
    """Net Sharpe against one-way cost in basis points, with its 95 % band.

    `capacity` pairs a cost with the traded value per day in CNY at which impact reaches it.
    """

    cost_bp: tuple[float, ...]
    sharpe: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    assumed_bp: float | None = None
    capacity_cny: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Portfolio:
    """One tested portfolio: a survivor, or what the model's ranking would have earned.

    Attributes:
        dates: sessions, T of them.
        net, gross, benchmark: growth of 1 on those days; `gross` and `benchmark` may be empty.
        out_of_sample_from: first day that selection never saw; empty if there is none.
        drawdown_limit: bootstrap 95 % value of the largest drawdown, a fraction below zero.
        trial: name of the trial that it is the portfolio of; empty for another portfolio.
    """

    name: str
    dates: tuple[str, ...]
    net: tuple[float, ...]
    gross: tuple[float, ...] = ()
    benchmark: tuple[float, ...] = ()
    benchmark_name: Words = ""
    out_of_sample_from: str = ""
    cone: Cone | None = None
    drawdown_limit: float | None = None
    years: tuple[YearReturn, ...] = ()
    months: tuple[MonthReturn, ...] = ()
    metrics: tuple[Metric, ...] = ()
    cost_curve: CostCurve | None = None
    trial: str = ""
    note: Words = ""

    def __post_init__(self) -> None:
        for name in ("net", "gross", "benchmark"):
            values = getattr(self, name)
            if (values or name == "net") and len(values) != len(self.dates):
                raise UserError(
                    f"portfolio {self.name!r} has {len(self.dates)} dates and {len(values)} values "
                    f"of {name}: give one value per date"
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Factor:
    """One factor's rank IC against the label, and how much of it there is.

    Attributes:
        ic: mean daily rank IC with a 95 % interval that allows for overlapping labels.
        t: its Newey-West t value; q: after correction for all factors of the night.
        coverage: share of (day, symbol) cells with a value; the rest are NaN.
    """

    name: str
    ic: Estimate
    t: float | None = None
    q: float | None = None
    coverage: float | None = None
    expression: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MonthlyIc:
    """Mean rank IC of each month (`2026-11`) with its Newey-West standard error."""

    name: str
    months: tuple[str, ...]
    ic: tuple[float | None, ...]
    error: tuple[float | None, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decay:
    """Rank IC by horizon in trading days."""

    name: str
    horizons: tuple[int, ...]
    ic: tuple[Estimate, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuantileReturns:
    """Mean return in basis points per day by quantile, lowest first, gross, over `days` days."""

    name: str
    returns: tuple[Estimate, ...]
    days: int
    short_days: int = 0
    basis: Words = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Factors:
    """The night's factors; monthly, decay and quantiles for at most a handful of them."""

    rows: tuple[Factor, ...]
    label: Words
    period: tuple[str, str]
    monthly: tuple[MonthlyIc, ...] = ()
    decay: tuple[Decay, ...] = ()
    quantiles: tuple[QuantileReturns, ...] = ()
    csv: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fold:
    """Scores of one walk-forward fold: mean daily rank IC on train, validation and test days."""

    number: int
    train: float | None
    valid: float | None
    test: Estimate
    test_period: tuple[str, str] = ("", "")


@dataclasses.dataclass(frozen=True)
class Importance:
    """Share of the model's gain by feature: mean over folds, lowest and highest fold."""

    feature: str
    mean: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Drift:
    """Population stability index of tonight's values against training; range over past nights."""

    feature: str
    psi: float
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """The walk-forward model; `baseline` is the best single factor's test score beside it."""

    name: str
    folds: tuple[Fold, ...]
    test: Estimate
    label: Words
    baseline: Estimate | None = None
    baseline_name: str = ""
    importance: tuple[Importance, ...] = ()
    drift: tuple[Drift, ...] = ()
    drift_missing: Words = ""
    device: str = ""
    seeds: tuple[int, ...] = ()
    note: Words = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ranked:
    """One stock of tomorrow's ranking; `previous` is its rank of the night before, None if new."""

    rank: int
    symbol: str
    score: float
    name: str = ""
    previous: int | None = None
    group: Words = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ranking:
    """The ranking for the next session: a score, not a promise; best first, `total` ranked."""

    day: str
    rows: tuple[Ranked, ...]
    total: int
    score: Words
    note: Words = ""
    csv: str = ""
