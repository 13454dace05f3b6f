"""Settings of costs, sweeps and portfolios: the one place for their meaning.

Models are shown as a form, written as TOML and given as flags: every field has a title and says
its meaning, unit and default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.errors import UserError

if TYPE_CHECKING:
    from tasks.data.userfiles import UserFile

Fill = Literal["next_open", "next_close"]
PortfolioFill = Literal["next_open", "next_close", "next_vwap"]
OfficialFees = Literal["rule_book", "fixed"]
StrategyName = Literal[
    "ma_cross",
    "macd",
    "breakout",
    "rsi_reversal",
    "bollinger",
    "momentum",
    "reversal",
    "volatility_target",
]
Search = Literal["grid", "random", "optuna"]


def one_of(name: str, given: object, choices: Any) -> None:
    """Refuse a word that is none of an option's, which would otherwise mean one of the others.

    Args:
        name: of the parameter, for the message.
        given: what the caller wrote.
        choices: the option's `Literal`.

    Raises:
        UserError: `given` is none of its words.
    """
    words = get_args(choices)
    if not (isinstance(given, str) and given in words):
        raise UserError(f"{name} is {given!r}: choose {', '.join(words[:-1])} or {words[-1]}")


class _Settings(BaseModel):
    """Unknown names are refused: a misspelt setting must not be ignored in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CostConfig(_Settings):
    """What a trade costs. Rates are fractions of the traded value, each side unless said."""

    commission_rate: float = Field(
        default=0.00025, title="Commission (fraction)", ge=0.0, le=0.003,
        description="Broker's commission on each side, fraction of the traded value. "
        "Default 0.00025 (2.5 basis points); the legal cap is 0.003.",
    )  # fmt: skip
    commission_minimum: float = Field(
        default=5.0, title="Smallest commission (CNY)", ge=0.0, le=100.0,
        description="Smallest commission of one order in CNY. Used where orders have an amount "
        "(portfolios), not in sweeps, whose accounts have no size. Default 5.",
    )  # fmt: skip
    official_fees: OfficialFees = Field(
        default="rule_book", title="Stamp duty and transfer fee",
        description="rule_book (default): the rates in force on each day; fixed: the two rates "
        "below on every day.",
    )  # fmt: skip
    stamp_duty: float = Field(
        default=0.0005, title="Fixed stamp duty (fraction)", ge=0.0, le=0.01,
        description="Stamp duty on sales, fraction of the traded value; only with 'fixed'. "
        "Default 0.0005.",
    )  # fmt: skip
    transfer_fee: float = Field(
        default=0.00001, title="Fixed transfer fee (fraction)", ge=0.0, le=0.001,
        description="Transfer fee on each side, fraction of the traded value; only with 'fixed'. "
        "Default 0.00001.",
    )  # fmt: skip
    slippage_bp: float = Field(
        default=5.0, title="Slippage (basis points)", ge=0.0, le=500.0,
        description="How much worse than the bar's price an order is filled, each side, in basis "
        "points. Default 5.",
    )  # fmt: skip

    @classmethod
    def free(cls) -> Self:
        """No costs at all: for comparisons, never for a result."""
        return cls(
            commission_rate=0.0, commission_minimum=0.0, official_fees="fixed",
            stamp_duty=0.0, transfer_fee=0.0, slippage_bp=0.0,
        )  # fmt: skip


class Steps(_Settings):
    """Whole numbers, as a list or as start, stop and step."""

    values: tuple[int, ...] = Field(
        default=(), title="Values", max_length=500,
        description="The numbers themselves, such as 5, 10, 20. Empty (default): start, stop and "
        "step are used.",
    )  # fmt: skip
    start: int = Field(
        default=5, title="First", ge=1, le=2000, description="First number. Default 5."
    )
    stop: int = Field(
        default=60, title="Last", ge=1, le=2000, description="Largest number, included. Default 60."
    )
    step: int = Field(
        default=5, title="Step", ge=1, le=500, description="Distance between numbers. Default 5."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.values and self.stop < self.start:
            raise ValueError(f"stop {self.stop} lies before start {self.start}: swap them")
        if any(v < 1 for v in self.values):
            raise ValueError(f"the values {self.values} contain a number below 1: remove it")
        return self

    def numbers(self) -> tuple[int, ...]:
        """The numbers, ascending, each once."""
        given = self.values or tuple(range(self.start, self.stop + 1, self.step))
        return tuple(sorted(set(given)))


class SlowSteps(Steps):
    """The same with other defaults, which also hold where only some of the three are given."""

    start: int = Field(
        default=20, title="First", ge=1, le=2000, description="First number. Default 20."
    )
    stop: int = Field(
        default=240, title="Last", ge=1, le=2000,
        description="Largest number, included. Default 240.",
    )  # fmt: skip
    step: int = Field(
        default=10, title="Step", ge=1, le=500, description="Distance between numbers. Default 10."
    )


class SweepConfig(_Settings):
    """A grid of strategy parameters, each scored over the whole universe."""

    strategy: StrategyName = Field(
        default="ma_cross", title="Strategy",
        description="ma_cross (default): hold a stock while its fast moving average is above the "
        "slow one; macd: while MACD is above its signal line; breakout: from a new high to a new "
        "low; rsi_reversal, bollinger: buy what has fallen and wait; momentum, reversal: hold the "
        "best or worst past returns of all stocks; volatility_target: invest less when prices move "
        "more.",
    )  # fmt: skip
    search: Search = Field(
        default="grid", title="Search",
        description="grid (default): every sensible combination of the values; random: the number "
        "of sets below, drawn between the smallest and largest values; optuna: as many, each batch "
        "chosen by what the batches before it earned (net Sharpe).",
    )  # fmt: skip
    samples: int = Field(
        default=500, title="Sets drawn", ge=1, le=100_000,
        description="Parameter sets of a random or Optuna search. Default 500.",
    )  # fmt: skip
    batch: int = Field(
        default=50, title="Sets in a batch", ge=1, le=5000,
        description="Sets that an Optuna search asks for at a time; they are scored beside each "
        "other. Changes which sets are tried. Default 50.",
    )  # fmt: skip
    seed: int = Field(
        default=7, title="Seed", ge=0, le=2**32 - 1,
        description="Number that decides which sets a random or Optuna search tries. Default 7.",
    )  # fmt: skip
    strategy_file: str = Field(
        default="", title="Your own strategy", max_length=1000,
        description="Path of a TOML file with a strategy in expressions, or of a Python file with "
        "a function positions or scores; it then takes the place of the strategy above. Empty "
        "(default): none.",
    )  # fmt: skip
    values: dict[str, tuple[float, ...]] = Field(
        default={}, title="Values of parameters",
        description="Parameter names to the values to try, such as {window = [5, 10]}; those not "
        "named keep the strategy's usual ones. Empty (default): none.",
    )  # fmt: skip
    fast: Steps = Field(
        default=Steps(), title="Fast windows (trading days)",
        description="Windows of the fast average of ma_cross in trading days; the other strategies "
        "have their own usual values. Default 5 to 60 by 5.",
    )  # fmt: skip
    slow: SlowSteps = Field(
        default=SlowSteps(), title="Slow windows (trading days)",
        description="Windows of the slow average of ma_cross in trading days; pairs whose fast "
        "window is not shorter are left out. Default 20 to 240 by 10.",
    )  # fmt: skip
    fill: Fill = Field(
        default="next_open", title="Fill",
        description="Price at which a signal of day t is filled: next_open (default), the open of "
        "the next bar; next_close, its close. Never the close that made the signal.",
    )  # fmt: skip
    trials_per_block: int = Field(
        default=500, title="Trials per block", ge=1, le=5000,
        description="Parameter sets that one worker scores at a time; changes speed and memory, "
        "never a number. More suit short histories on several threads. Default 500.",
    )  # fmt: skip
    symbols_per_block: int = Field(
        default=500, title="Stocks per block", ge=1, le=10000,
        description="Stocks that one worker reads at a time; changes speed and memory, never a "
        "number. Default 500.",
    )  # fmt: skip

    def grid(self, file: UserFile | None = None) -> dict[str, tuple[float, ...]]:
        """Parameter names to their values; `file` is what `strategy_file` says."""
        from tasks.backtest.combinations import family_of  # compiles kernels: only when asked

        if file is None and self.strategy == "ma_cross" and not self.values:
            return {"fast": self.fast.numbers(), "slow": self.slow.numbers()}
        usual = dict(family_of(self.strategy, file).usual_grid)
        if unknown := sorted(self.values.keys() - usual.keys()):
            raise UserError(
                f"the sweep's values name {unknown[0]!r}, which is no parameter of "
                f"{file.name if file else self.strategy}: it has {', '.join(usual)}"
            )
        return usual | self.values


class PortfolioConfig(_Settings):
    """How scores become holdings, and how much money there is."""

    cash: float = Field(
        default=1_000_000.0, title="Starting cash (CNY)", ge=10_000.0, le=1e12,
        description="Money at the start in CNY. Default 1,000,000.",
    )  # fmt: skip
    top_k: int = Field(
        default=30, title="Stocks held", ge=1, le=1000,
        description="Number of best-ranked stocks that are held. Default 30.",
    )  # fmt: skip
    keep_k: int = Field(
        default=60, title="Stay while ranked above", ge=1, le=2000,
        description="A stock already held stays while its rank is not worse than this; saves "
        "turnover. At least the number of stocks held. Default 60.",
    )  # fmt: skip
    rebalance_days: int = Field(
        default=5, title="Days between rebalancings", ge=1, le=250,
        description="Sessions from one rebalancing to the next. Default 5.",
    )  # fmt: skip
    max_weight: float = Field(
        default=0.1, title="Largest weight (fraction)", gt=0.0, le=1.0,
        description="No stock gets more than this fraction of the portfolio; the rest stays cash. "
        "Default 0.1.",
    )  # fmt: skip
    fill: PortfolioFill = Field(
        default="next_open", title="Fill",
        description="Price of the fills: next_open (default), next_close or next_vwap (the average "
        "price), of the bar after the signal's.",
    )  # fmt: skip
    volume_cap: float = Field(
        default=0.0, title="Largest order (fraction of volume)", ge=0.0, le=1.0,
        description="No order is larger than this fraction of the shares traded on the day that "
        "fills it; needs a source with volume. Default 0: no cap.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.keep_k < self.top_k:
            raise ValueError(
                f"keep_k {self.keep_k} is below top_k {self.top_k}: raise it to {self.top_k}"
            )
        return self
