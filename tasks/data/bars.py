"""Bars: what a source hands to the quality gate, one long frame and what is known about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.data.panel import Adjustment

if TYPE_CHECKING:
    import pandas as pd

    from tasks.data.store import Artifact, Store


@dataclasses.dataclass(frozen=True)
class Bars:
    """A source's bars in one canonical long frame, in any order, not yet checked.

    Attributes:
        frame: `symbol` (categorical, such as `600519.SH`), `date` (`datetime64[us]` at midnight),
            `open high low close` in CNY, `volume` in shares, then what the source offers: `amount`
            in CNY, `factor`, `vwap`, `preclose`, `is_st` ...; all float64.
        adjustment: see `Panel.adjustment`.
        source: name of the data source.
        benchmarks: symbols of the frame that are indices; never ranked or traded.
        notes: sentences about how the input was understood, such as recognised units.
    """

    frame: pd.DataFrame
    adjustment: Adjustment
    source: str
    benchmarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def without(self, symbols: Sequence[str]) -> Bars:
        """The bars of all other symbols."""
        if not symbols:
            return self
        rest = self.frame[~self.frame["symbol"].isin(symbols)].reset_index(drop=True)
        return dataclasses.replace(self, frame=rest)


def bars_from(store: Store, artifact: Artifact) -> Bars:
    """Read back what the step `load_bars` wrote."""
    head = store.read_json(artifact, "head.json")
    return Bars(
        frame=store.read_frame(artifact, "bars.parquet"),
        adjustment=head["adjustment"],
        source=head["source"],
        benchmarks=tuple(head["benchmarks"]),
        notes=tuple(head["notes"]),
    )
