"""Accounts of one stock after the other, added up to the sums and figures of a block.

Stocks are traced one by one and added to the daily sums a few at a time, so that a parameter set's
row of sums stays in the processor's cache while they go by.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.backtest.blocks import PAIR_FIGURES
from tasks.backtest.config import Fill
from tasks.backtest.kernels import accounts, outcomes, traces, trading
from tasks.backtest.strategies.family import StockBars
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Words = NDArray[np.uint64]
    Index = NDArray[np.int64]

Design = Literal["events", "streaming"]

#: stocks that are added to the sums together: their returns fit into a core's own cache
TOGETHER = 16
#: most changes of holdings that are kept until then; two bytes each, and few of them are used
MOST_CHANGES = 2**25


@dataclasses.dataclass(frozen=True)
class Terms:
    """What holds for every account of a block.

    Attributes:
        fees: rates of purchases and of sales on each day (T,), and the slippage.
        fill: price of the fills.
        buyable: bool (T, N), a purchase can be filled.
        sellable: bool (T, N), a sale can be filled.
        first: first row on which a position may be held.
        design: how accounts that are all in or all out are run.
        pairs: keep the figures of each (set, stock).
        daily: add up the days of all stocks.
    """

    fees: tuple[Array, Array, float]
    fill: Fill
    buyable: Flags
    sellable: Flags
    first: int
    design: Design = "events"
    pairs: bool = True
    daily: bool = True


@dataclasses.dataclass(frozen=True)
class Stock:
    """One stock's trading days: bars, their rows on the calendar, and what a day can bring.

    Orders are flags of the days on which a purchase and a sale can be filled.
    """

    number: int
    bars: StockBars
    rows: Index
    orders: tuple[Flags, Flags]
    fill: Array
    growth: Array
    whole: Index


class Scores:
    """Sums and figures of a block, filled stock by stock.

    Attributes:
        sums: int64 (K, T), see `blocks.SweepBlock`, as the others.
        buys: int32 (K, T).
        sells: int32 (K, T).
        pairs: float64 (N, K, 5).
    """

    def __init__(self, bars: Panel, sets: int, terms: Terms) -> None:
        days, count = bars.shape
        self._bars, self._terms = bars, terms
        self._grids = [np.ascontiguousarray(bars[n]) for n in ("open", "high", "low", "close")]
        self._orders = [np.ascontiguousarray(flags) for flags in (terms.buyable, terms.sellable)]
        kept = days if terms.daily else 0
        self.sums = np.zeros((sets, kept), dtype=np.int64)
        self.buys, self.sells = (np.zeros((sets, kept), dtype=np.int32) for _ in range(2))
        self.pairs = np.full((count if terms.pairs else 0, sets, len(PAIR_FIGURES)), np.nan)

    def stocks(self) -> Iterator[Stock]:
        """Stocks with at least two trading days."""
        days, count = self._bars.shape
        for start in range(0, count, TOGETHER):
            some = self._taken(start, trading.room(min(TOGETHER, count - start), days))
            for g, m in enumerate(some.lengths.tolist()):
                if m >= trading.FEWEST:
                    yield self._stock(start + g, some, g, m)

    def _taken(self, start: int, some: trading.Days) -> trading.Days:
        """The stocks from `start` on, as many as there is room for."""
        buy, sell, slippage = self._terms.fees
        trading.gather(*self._grids, *self._orders, start, some)
        g, bad = trading.outcomes(some, self._filled, buy, sell, slippage)
        if bad >= 0:
            raise UserError(
                f"{self._bars.symbols[start + g]} moves by more than "
                f"{outcomes.LARGEST_RETURN:.0f} times on {self._bars.dates[some.rows[g, bad]]}: "
                "correct or quarantine the bar, or load adjusted prices"
            )
        return some

    @property
    def _filled(self) -> int:
        return trading.OPEN if self._terms.fill == "next_open" else trading.CLOSE

    def _stock(self, n: int, some: trading.Days, g: int, m: int) -> Stock:
        bars = StockBars(*some.prices[:, g, :m])
        orders = some.orders[trading.BUYABLE, g, :m], some.orders[trading.SELLABLE, g, :m]
        growth = some.growth[g, : 3 * m].reshape(3, m)
        fill = some.prices[self._filled, g, :m]
        return Stock(n, bars, some.rows[g, :m], orders, fill, growth, some.whole[g])

    def begin(self, stock: Stock) -> int:
        """The stock's first trading day on which a position may be held."""
        return int(stock.rows.searchsorted(self._terms.first))

    def figures(self, stock: Stock, cut: slice) -> Array:
        """Where the figures of some sets on a stock go, (K, 5)."""
        if self._terms.pairs:
            return self.pairs[stock.number, cut]
        return np.empty((len(range(*cut.indices(len(self.sums)))), len(PAIR_FIGURES)))

    def streaming(self, stock: Stock, wanted: Words, cut: slice) -> None:
        """Add accounts that are all in or all out, day by day; needs the daily sums."""
        accounts.streaming(
            wanted, *stock.orders, self.begin(stock), stock.growth, stock.whole, stock.rows,
            self.sums[cut], self.buys[cut], self.sells[cut], self.figures(stock, cut),
        )  # fmt: skip

    def partial(self, stock: Stock, weights: Array, steps: Array, cut: slice) -> None:
        """Add accounts that are invested by fractions; needs the daily sums."""
        buyable, sellable = stock.orders
        buy, sell, slippage = self._terms.fees
        accounts.partial(
            weights, steps, buyable & sellable, self.begin(stock), stock.bars.close, stock.fill,
            buy[stock.rows], sell[stock.rows], slippage, stock.rows,
            self.sums[cut], self.buys[cut], self.sells[cut], self.figures(stock, cut),
        )  # fmt: skip


class Traces:
    """Accounts that are all in or all out, by their trades; a few stocks at a time.

    Use: `add` every stock, then `flush`.
    """

    def __init__(self, scores: Scores, terms: Terms, days: int, cut: slice, sets: int) -> None:
        self._scores, self._terms, self._cut = scores, terms, cut
        most = sets * (days + 2)
        self._size = max(1, min(TOGETHER, MOST_CHANGES // most)) if terms.daily else 1
        self._days = np.empty(self._size * most, dtype=np.uint16)
        self._ends = np.empty((self._size, sets + 1), dtype=np.int64)
        kept = days if terms.daily else 0
        self._rows = np.zeros((self._size, kept), dtype=np.int64)
        self._whole = np.zeros((self._size, 3, kept), dtype=np.int64)
        self._lengths = np.zeros(self._size, dtype=np.int64)
        self._count, self._place = 0, 0
        self._room = traces.room(days)
        self._none = np.empty((0, len(PAIR_FIGURES)))

    def add(self, stock: Stock, wanted: Words) -> None:
        """Run every set on a stock."""
        scores, g = self._scores, self._count
        out = scores.figures(stock, self._cut) if self._terms.pairs else self._none
        self._place = traces.run(
            wanted, *stock.orders, scores.begin(stock), self._place, self._days, self._ends[g],
            stock.bars.close, stock.growth, self._room, out,
        )  # fmt: skip
        if self._terms.daily:
            self._rows[g, : len(stock.rows)] = stock.rows
            self._whole[g] = stock.whole
            self._lengths[g] = len(stock.rows)
        self._count += 1
        if self._count == self._size:
            self.flush()

    def flush(self) -> None:
        """Add the days of the stocks that wait."""
        scores, count = self._scores, self._count
        if self._terms.daily and count:
            traces.daily(
                self._days, self._ends[:count], self._lengths[:count], self._rows, self._whole,
                scores.sums[self._cut], scores.buys[self._cut], scores.sells[self._cut],
            )  # fmt: skip
        self._count, self._place = 0, 0
