"""What a night found out: portfolios, factors, the model and the ranking; `trials` has the rest.

Plain values only. Every estimate is an `Estimate` with its interval; whatever is unknown is None,
never zero. Returns and shares are fractions, costs are basis points, dates are ISO strings.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from tasks.errors import UserError
from tasks.report.words import Words

DriftState = Literal["drifted", "watch", "stable", "unknown"]
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
        coverage: share of the universe's (day, symbol) cells with a value.
        missing: share of all traded cells without one (NaN), warm-up and young stocks included.
        set: the factor set it belongs to.
    """

    name: str
    ic: Estimate
    t: float | None = None
    q: float | None = None
    coverage: float | None = None
    missing: float | None = None
    set: str = ""
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


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A factor that was neither trained on nor ranked by, and the sentence why."""

    name: str
    why: Words


@dataclasses.dataclass(frozen=True, kw_only=True)
class Factors:
    """The night's factors; monthly, decay and quantiles for at most a handful of them."""

    rows: tuple[Factor, ...]
    label: Words
    period: tuple[str, str]
    monthly: tuple[MonthlyIc, ...] = ()
    decay: tuple[Decay, ...] = ()
    quantiles: tuple[QuantileReturns, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    csv: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fold:
    """Scores of one walk-forward fold: mean daily rank IC on train, validation and test days.

    `number` is 1 for the first.
    """

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
    """Population stability index of a feature's values tonight against those of training.

    Attributes:
        psi: tonight's index; None without values.
        low, high: range over past nights.
        usual: what 1 % of the training days exceed; None if it is not known.
        state: `watch` and `drifted` only where the index is above `usual` too.
    """

    feature: str
    psi: float | None
    low: float | None = None
    high: float | None = None
    usual: float | None = None
    state: DriftState = "unknown"


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
