"""Settings of the indicators: what is computed; part of every key."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TechnicalConfig(BaseModel):
    """What the models learn from: technical indicators of every stock and day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    feature_set: Literal["technical32"] = Field(
        default="technical32",
        title="Set of features",
        description="technical32 (default): 32 columns from twenty indicators, none of which "
        "depends on a price's level.",
    )
    dtype: Literal["float32", "float64"] = Field(
        default="float32",
        title="Precision of the stored columns",
        description="Everything is computed in float64. float32 (default) halves files and memory "
        "of the models.",
    )
    block: int = Field(
        default=64,
        title="Stocks side by side",
        ge=1,
        le=4096,
        description="Stocks that are computed side by side; changes the speed, never a number. "
        "Default 64.",
    )
