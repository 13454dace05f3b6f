"""Settings of the night, composed of the areas' own: for TOML, flags and the UI's form alike."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.backtest.config import CostConfig, PortfolioConfig, SweepConfig
from tasks.data.config import DataConfig, DayOrEmpty, GateConfig, UniverseConfig
from tasks.indicators.config import FeatureConfig
from tasks.models.config import TrainConfig
from tasks.validation.config import ValidationConfig

#: stocks of a small night
SMALL_STOCKS = 50
#: nights of a backfill side by side
MOST_AT_ONCE = 64


class ReportConfig(BaseModel):
    """How the report looks; changes no number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    up_color: Literal["neutral", "red_up", "green_up"] = Field(
        "neutral",
        title="Colour of gains",
        description="neutral (default): blue up, orange down; red_up: as on A-share screens; "
        "green_up: the reverse. Signs and words always say it too.",
    )


class Advanced(BaseModel):
    """Expert settings; every one has a sound default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gate: GateConfig = Field(GateConfig(), title="Quality gate")
    universe: UniverseConfig = Field(UniverseConfig(), title="Universe")
    features: FeatureConfig = Field(FeatureConfig(), title="Features")
    sweep: SweepConfig = Field(SweepConfig(), title="Sweep of strategy parameters")
    costs: CostConfig = Field(CostConfig(), title="Costs of trading")
    portfolio: PortfolioConfig = Field(PortfolioConfig(), title="Portfolio of the model")
    train: TrainConfig = Field(TrainConfig(), title="Training")
    validation: ValidationConfig = Field(ValidationConfig(), title="Honest testing")
    report: ReportConfig = Field(ReportConfig(), title="Report")


class _RunConfig(BaseModel):
    """What a night and a sweep have in common: which session, and how much of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_date: DayOrEmpty = Field(
        "",
        title="Data date",
        description="Session to work on, such as 2026-11-20. Empty (default): the last session "
        "that closed before the scheduled start, or the data's newest day if that is older.",
    )
    size: Literal["small", "full"] = Field(
        "full",
        title="Size",
        description=f"small: the first {SMALL_STOCKS} stocks, for a quick look; full (default): "
        "all stocks.",
    )

    @property
    def max_symbols(self) -> int:
        """Most stocks that the run looks at, 0 for all."""
        return SMALL_STOCKS if self.size == "small" else 0


class NightlyConfig(_RunConfig):
    """What one night does. Submit unchanged for the standard night on the simulated market."""

    device: Literal["auto", "cpu", "gpu"] = Field(
        "auto",
        title="Device",
        description="auto (default) uses a GPU if there is one, else the CPU, and says so in the "
        "report; cpu and gpu ask for one of them.",
    )
    language: Literal["en", "zh"] = Field(
        "en",
        title="Language",
        description="Language the report opens in: en (default) or zh. Both are in the file.",
    )
    note: str = Field(
        "",
        title="Note",
        max_length=500,
        description="A sentence to find this run by later; shown in the report. Default empty.",
    )
    data: DataConfig = Field(
        DataConfig(),
        title="Data",
        description="Where bars come from. The default is a simulated market with a known answer.",
    )
    advanced: Advanced = Field(
        Advanced(), title="Advanced", description="Expert settings; sound as they are."
    )


class BudgetConfig(BaseModel):
    """What a sweep may take; one that a probe finds to need more is refused before it starts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minutes: float = Field(
        60.0,
        title="Time (minutes)",
        gt=0.0,
        le=10_000.0,
        description="Longest time that the sweep may be expected to take, in minutes. Default 60.",
    )
    memory_gib: float = Field(
        1.5,
        title="Memory (GiB)",
        gt=0.1,
        le=10_000.0,
        description="Most memory that one process of it may be expected to take, in GiB. "
        "Default 1.5.",
    )


class SweepRunConfig(_RunConfig):
    """What one sweep does: the night's data and blocks, and as many parameter sets as you like."""

    note: str = Field(
        "",
        title="Note",
        max_length=500,
        description="A sentence to find this run by later. Default empty.",
    )
    plan_only: bool = Field(
        False,
        title="Plan only",
        description="On: say how much time and memory the sweep would take, and end. Off "
        "(default): say it, then sweep if it fits into the budget.",
    )
    budget: BudgetConfig = Field(BudgetConfig(), title="Budget")
    data: DataConfig = Field(
        DataConfig(),
        title="Data",
        description="Where bars come from. The default is a simulated market with a known answer.",
    )
    advanced: Advanced = Field(
        Advanced(), title="Advanced", description="Settings of the sweep, the costs and the data."
    )

    @property
    def device(self) -> str:
        """A sweep takes a GPU where there is one, as a night does by default."""
        return "auto"
