"""Settings of honest testing."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ValidationConfig(BaseModel):
    """By which rule trials survive, and how much of the data no selection may see."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: float = Field(
        default=0.10, title="False discovery rate", gt=0.0, lt=1.0,
        description="Share of false ones that is accepted among the survivors, as a fraction. "
        "Default 0.10.",
    )  # fmt: skip
    method: Literal["bh", "by"] = Field(
        default="bh", title="Correction",
        description="bh (default): Benjamini-Hochberg, for independent or positively dependent "
        "trials; by: Benjamini-Yekutieli, for any dependence, stricter.",
    )  # fmt: skip
    vault_sessions: int = Field(
        default=250, title="Sessions in the vault", ge=0, le=5000,
        description="Sessions at the end of the data that are sealed when its family is first "
        "used; at least 500 more must lie before them. 0: none. Moved only by qilin vault set. "
        "Default 250.",
    )  # fmt: skip
