"""The panel: named fields over one (T dates x N symbols) grid.

Arrays are C-contiguous with symbols on the fast axis, float64. NaN prices mean no trading that day.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

PRICE_FIELDS = ("open", "high", "low", "close")
BAR_FIELDS = (*PRICE_FIELDS, "volume", "amount")
#: fields in price units besides the bars' own; adjusted together with them
ADJUSTED_WITH_PRICES = (*PRICE_FIELDS, "vwap")

Adjustment = Literal["raw", "adjusted", "unadjusted"]


@dataclasses.dataclass(frozen=True)
class Panel:
    """Bars of many symbols on one calendar.

    Attributes:
        dates: exchange sessions, `datetime64[D]`, ascending, shape (T,).
        symbols: such as `600519.SH`, in column order, N of them.
        fields: name to float64 array (T, N). Prices in CNY (NaN: no trading that day), volume in
            shares (0: no trading), amount in CNY; `suspended` and `is_st` are 0 or 1.
        adjustment: `raw` (unadjusted with a `factor` field), `adjusted` (by us or by the source)
            or `unadjusted` (raw prices and no factor known).
        source: name of the data source, such as `simulated` or `parquet`.
        benchmarks: symbols of this panel that are indices; never ranked or traded.
        family: name of the data whose trials are counted together, as nights name it; empty where
            only the source is known.
    """

    dates: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    fields: Mapping[str, Array]
    adjustment: Adjustment = "unadjusted"
    source: str = "memory"
    benchmarks: tuple[str, ...] = ()
    family: str = ""

    def __post_init__(self) -> None:
        days = np.asarray(self.dates)
        if days.dtype.kind == "M" and days is not self.dates:  # of an index
            object.__setattr__(self, "dates", days.astype("datetime64[D]"))
        elif days.dtype.kind != "M":
            raise UserError(
                "the panel's dates are no array of dates: give them as "
                "np.array(dates, dtype='datetime64[D]')"
            )
        shape = (len(self.dates), len(self.symbols))
        for name, array in self.fields.items():
            if not isinstance(array, np.ndarray):
                raise UserError(
                    f"field {name!r} is a {type(array).__name__}: give an array of float64, one "
                    "row per date and one column per symbol"
                )
            if array.shape != shape:
                raise UserError(
                    f"field {name!r} has shape {array.shape}, the panel's grid is {shape}: "
                    "give every field one row per date and one column per symbol"
                )
        if shape[0] > 1 and not bool(np.all(self.dates[1:] > self.dates[:-1])):
            raise UserError("the panel's dates are not ascending or repeat: sort and deduplicate")
        if len(set(self.symbols)) != len(self.symbols):
            raise UserError("the panel's symbols repeat: give each symbol one column")

    @property
    def shape(self) -> tuple[int, int]:
        """Number of dates and of symbols, (T, N)."""
        return len(self.dates), len(self.symbols)

    def __getitem__(self, name: str) -> Array:
        try:
            return self.fields[name]
        except KeyError:
            raise UserError(
                f"the panel of source {self.source!r} has no field {name!r}; "
                f"it has {', '.join(sorted(self.fields))}"
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    def column(self, symbol: str) -> int:
        """Position of a symbol; an unknown one is the user's mistake."""
        try:
            return self.symbols.index(symbol)
        except ValueError:
            raise UserError(
                f"symbol {symbol!r} is not in the panel of source {self.source!r} "
                f"({len(self.symbols)} symbols): check the spelling, such as 600519.SH"
            ) from None

    def columns(self, selection: slice | Sequence[int]) -> Panel:
        """The same dates for some columns, in the order given."""
        index = np.arange(len(self.symbols))[selection]
        symbols = tuple(self.symbols[i] for i in index)
        return dataclasses.replace(
            self,
            symbols=symbols,
            fields={k: np.ascontiguousarray(v[:, index]) for k, v in self.fields.items()},
            benchmarks=tuple(b for b in self.benchmarks if b in symbols),
        )

    def select(self, symbols: Iterable[str]) -> Panel:
        """The same dates for the named symbols."""
        return self.columns([self.column(s) for s in symbols])

    def rows(self, selection: slice) -> Panel:
        """The same symbols for a range of rows."""
        return dataclasses.replace(
            self,
            dates=self.dates[selection],
            fields={k: np.ascontiguousarray(v[selection]) for k, v in self.fields.items()},
        )

    def between(self, start: str | np.datetime64 | None, end: str | np.datetime64 | None) -> Panel:
        """Rows from `start` to `end`, both included; an empty range is the user's mistake."""
        first = 0 if start is None else int(np.searchsorted(self.dates, _day(start)))
        stop = (
            len(self.dates)
            if end is None
            else int(np.searchsorted(self.dates, _day(end), side="right"))
        )
        if first >= stop:
            have = f"{self.dates[0]} to {self.dates[-1]}" if len(self.dates) else "no bars at all"
            raise UserError(
                f"no bars between {start or 'the start'} and {end or 'the end'}: "
                f"source {self.source!r} has {have}; choose dates inside that range"
            )
        return self.rows(slice(first, stop))

    def stocks(self) -> Panel:
        """Without the indices: what may be ranked and traded."""
        if not self.benchmarks:
            return self
        return self.columns([i for i, s in enumerate(self.symbols) if s not in self.benchmarks])

    def adjusted(self) -> Panel:
        """Prices times factor, volume divided by it, anchored at each symbol's first bar.

        Anchoring at the last bar would rewrite history with every dividend: look-ahead. A panel
        that is adjusted already, or has no factor, is returned as it is.
        """
        if self.adjustment != "raw":
            return self
        factor = self["factor"] / _first_valid(self["factor"], self["close"])
        fields = dict(self.fields)
        for name in ADJUSTED_WITH_PRICES:
            if name in fields:
                fields[name] = fields[name] * factor
        if "volume" in fields:
            fields["volume"] = fields["volume"] / np.where(np.isnan(factor), 1.0, factor)
        return dataclasses.replace(self, fields=fields, adjustment="adjusted")

    def read_only(self) -> Panel:
        """The same numbers, not to be written to: for code that is not ours. Nothing is copied."""
        fields = {name: _sealed(values) for name, values in self.fields.items()}
        return dataclasses.replace(self, dates=_sealed(self.dates), fields=fields)

    def with_fields(self, **fields: Array) -> Panel:
        """A panel with more, or replaced, fields."""
        return dataclasses.replace(self, fields={**self.fields, **fields})

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        adjustment: Adjustment | None = None,
        source: str = "memory",
        benchmarks: Iterable[str] = (),
        calendar: NDArray[np.datetime64] | None = None,
    ) -> Panel:
        """Pivot a long frame (`symbol`, `date`, one column per field) of any kind narwhals reads.

        Absent rows become NaN (volume and amount 0). `adjustment` is `raw` where a `factor` column
        exists, else `unadjusted`, unless given. Duplicated (symbol, date) rows are an error: run
        the quality gate first.
        """
        from tasks.data.frames import pivot

        dates, symbols, fields = pivot(frame, calendar)
        kind: Adjustment = adjustment or ("raw" if "factor" in fields else "unadjusted")
        return cls(dates, symbols, fields, kind, source, tuple(benchmarks))

    def to_frame(self) -> pd.DataFrame:
        """Long pandas frame sorted by symbol and date; cells never traded and never listed drop."""
        from tasks.data.frames import melt

        return melt(self)


def _sealed(values: NDArray[Any]) -> NDArray[Any]:
    view = values.view()
    view.flags.writeable = False
    return view


def _day(value: str | np.datetime64) -> NDArray[np.datetime64]:
    return np.array(value, dtype="datetime64[D]")


def _first_valid(values: Array, listed: Array) -> Array:
    """Each column's first value on a day with a price; 1 for a column without any. Shape (N,)."""
    valid = ~np.isnan(values) & ~np.isnan(listed)
    first = valid.argmax(axis=0)
    picked = values[first, np.arange(values.shape[1])]
    return np.where(valid.any(axis=0), picked, 1.0)
