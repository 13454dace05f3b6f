"""What a night computes on one stock alone, to see whether the stock kills who computes on it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from typing import TYPE_CHECKING, Any

from tasks.backtest.signals import signals
from tasks.errors import QilinError
from tasks.indicators import factorsets

if TYPE_CHECKING:
    from tasks.backtest.combinations import Combinations
    from tasks.data.panel import Panel
    from tasks.data.store import Artifact, Store
    from tasks.data.userfiles import UserFile
    from tasks.indicators.config import FactorConfig

Pairs = list[list[str]]


@dataclasses.dataclass
class Alone:
    """Factors and signals of one stock after another; nothing is kept.

    Attributes:
        store: where the panel is.
        panel: the night's.
        factors: the sets of factors.
        user, across, code: the user's factors, as the night's own steps get them.
        sets: parameter sets whose signals are computed.
    """

    store: Store
    panel: Artifact
    factors: FactorConfig
    user: Pairs
    across: Pairs
    code: UserFile | None
    sets: Combinations

    def __call__(self, column: int) -> None:
        """Compute on the stock in a column of the panel.

        What refuses a single stock, such as a rank over all of them, is passed over.
        """
        stock = self._stocks.columns([column])
        for part in (self._in_blocks, self._across, self._signals):
            with contextlib.suppress(QilinError):
                part(stock, column)

    @functools.cached_property
    def _stocks(self) -> Panel:
        """Read by the process that tries, once: the object travels without it."""
        return self.store.read_panel(
            self.panel, slice(0, int(self.panel.notes["stocks"]))
        ).adjusted()

    @functools.cached_property
    def _universe(self) -> Any:
        return self.store.read_array(self.panel, "universe.npy")

    def _in_blocks(self, stock: Panel, column: int) -> None:
        del column
        factorsets.in_blocks(stock, self.factors, self.user)

    def _across(self, stock: Panel, column: int) -> None:
        del column
        if self.across or self.code:
            factorsets.across(stock, self.factors, self.across, self.code)

    def _signals(self, stock: Panel, column: int) -> None:
        signals(stock, self.sets, self._universe[:, [column]])
