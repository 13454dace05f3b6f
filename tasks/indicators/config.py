"""Settings of the indicators: what is computed; part of every key."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TechnicalConfig(BaseModel):
    """Technical features of the night.

    Attributes:
        feature_set: name of the set of columns, see `tasks.indicators.features.FEATURE_SETS`.
        dtype: of the columns stored; everything is computed in float64.
        block: symbols that are computed side by side; changes the speed, never a bit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    feature_set: Literal["technical32"] = "technical32"
    dtype: Literal["float32", "float64"] = "float32"
    block: int = Field(default=64, ge=1, le=4096)
