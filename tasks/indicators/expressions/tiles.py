"""A tile of calendar rows: what the operators of the language compute on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.indicators.kernels.windows import weights
from tasks.indicators.lanes import Tile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.indicators.lanes import Array


@dataclasses.dataclass(frozen=True)
class CalendarTile(Tile):
    """A tile whose rows are the calendar's.

    Attributes:
        listed: first row of each lane with a price, T for one without any; int64 (L,).
    """

    listed: NDArray[np.int64] = dataclasses.field(kw_only=True)

    def window(self, days: int) -> int:
        """Rows of a window: 0 means all so far, and more than there are changes nothing."""
        return max(1, self.rows if days == 0 else min(days, self.rows))

    def clear_unlisted(self, values: Any) -> Array:
        """The values with rows before the listing cleared; a lone number fills the tile first."""
        filled: Array = values
        if not np.ndim(values):
            filled = self.new()
            filled[:] = values
        self.bench.call(weights.unlisted, self.lanes, self.listed, filled)
        return filled
