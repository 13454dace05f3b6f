"""Settings of the indicators: what is computed; part of every key."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FactorSet = Literal["technical32", "alpha158", "alpha360"]


class FactorConfig(BaseModel):
    """Which sets of factors are computed, and how precisely they are stored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sets: tuple[FactorSet, ...] = Field(
        default=("technical32",),
        title="Sets of factors",
        description="Any of technical32 (32 scale-free columns from twenty technical indicators; "
        "the default), alpha158 and alpha360 (Qlib's factor sets), one after the other. Empty: "
        "only those of the file below.",
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

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.sets)) != len(self.sets):
            raise ValueError(f"a set is named twice in {', '.join(self.sets)}: name each once")
        return self


class FeatureConfig(FactorConfig):
    """What the models learn from: factors of every stock and day."""

    file: str = Field(
        default="",
        title="File of your own factors",
        description="Path of a TOML or text file of `name = expression` lines in Qlib's language, "
        "or of a Python file whose functions take a panel and give dates x symbols arrays. They "
        "are joined to the sets. Where it lies never changes a number. Default empty: none.",
    )

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.sets and not self.file:
            raise ValueError("there are no factors: name a set such as technical32, or a file")
        return self

    def computed(self) -> dict[str, Any]:
        """What the steps are told: everything but where the file lies."""
        return self.model_dump(exclude={"file"})
