"""Long frames in and out: each symbol's rows become one column of a grid, so none meets another.

Row i of the grid is each symbol's i-th bar by date, and shorter symbols end in NaN; or, on the
calendar, the i-th date of the whole frame. Results go back to the frame's own rows, in kind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from tasks.arrays.kinds import to_numpy
from tasks.data.panel import Panel
from tasks.errors import UserError
from tasks.indicators.rowkeys import Keys, is_text, lower_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class LongFrame:
    """A frame of bars and where each of its rows lies on the grid (bars x symbols).

    Attributes:
        frame: the frame, read by narwhals.
        names: lower-case name to the frame's own name of each column.
        rows: grid row of each frame row: its bar's number within its symbol, or its date's.
        columns: grid column of each frame row; its symbol's number.
        shape: bars of the longest symbol, or dates, and symbols.
        symbols: the symbols' names in column order; one empty name where nothing names them.
        keys: what says whose each row is, and of which day.
    """

    frame: Any
    names: Mapping[str, str]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    shape: tuple[int, int]
    symbols: tuple[str, ...]
    keys: Keys

    @classmethod
    def read(
        cls,
        native: Any,
        needed: Iterable[str] = (),
        *,
        on_calendar: bool = False,
        calendar: NDArray[Any] | None = None,
    ) -> LongFrame:
        """Read a frame and order its rows; `needed` columns must be there.

        Args:
            native: pandas, polars, pyarrow or cudf frame. Symbols and dates are in columns or in
                levels of a pandas index, see `rowkeys`.
            needed: names in lower case.
            on_calendar: whether each date is one row of the grid.
            calendar: all dates in order, where the frame is a part of a larger one; its own else.
        """
        frame = opened(native)
        names = lower_names(frame.columns)
        missing = [n for n in needed if n not in names]
        if missing:
            raise UserError(
                f"the frame has no column {', '.join(map(repr, missing))}; it has "
                f"{', '.join(map(str, frame.columns))}: rename its columns or add the missing ones"
            )
        keys = Keys.find(frame)
        symbols, columns = keys.symbols()
        dates = keys.dates()
        days = None if dates is None else np.unique(dates, return_inverse=True)
        rows = _bar_numbers(columns, None if days is None else days[1], symbols, keys)
        count = int(rows.max()) + 1 if len(rows) else 0
        if on_calendar and days is not None:
            whole = days[0] if calendar is None else calendar
            rows = np.searchsorted(whole, days[0])[days[1]].astype(np.int64)
            count = len(whole)
        return cls(frame, names, rows, columns, (count, len(symbols)), symbols, keys)

    @property
    def numeric(self) -> list[str]:
        """Lower-case names of the numeric columns that are neither symbols nor dates."""
        return [
            low
            for low, own in self.names.items()
            if self.frame[own].dtype.is_numeric() and low not in self.keys.columns
        ]

    def grid(self, name: str) -> Array:
        """One column as a grid (bars x symbols), NaN where a symbol has no such bar."""
        own = self.names[name]
        series = self.frame[own]
        try:
            values = to_numpy(series.to_native(), f"column {own!r}")
        except UserError:
            if not is_text(series):
                raise
            raise UserError(f"column {own!r} is text, not numbers: convert it first") from None
        return self._placed(values)

    def codes(self, name: str) -> Array:
        """A column of texts as a grid: the number of each among the different ones in order."""
        return self._placed(coded(self.frame[self.names[name]].to_numpy()))

    def _placed(self, values: Array) -> Array:
        grid = np.full(self.shape, np.nan)
        grid[self.rows, self.columns] = values
        return grid

    def panel(self, names: Iterable[str], groups: Collection[str] = ()) -> Panel:
        """Some columns as a panel whose dates only count the rows; texts in `groups` as codes."""
        rows, symbols = self.shape
        coded_ones = {n for n in groups if is_text(self.frame[self.names[n]])}
        return Panel(
            dates=np.datetime64(0, "D") + np.arange(rows),
            symbols=self.symbols if symbols else (),
            fields={n: self.codes(n) if n in coded_ones else self.grid(n) for n in names},
            source="frame",
        )

    def with_columns(self, grids: Mapping[str, NDArray[Any]]) -> Any:
        """The frame in kind and in its own row order, with one more column per grid."""
        series = [
            nw.new_series(name, grid[self.rows, self.columns], backend=self.frame.implementation)
            for name, grid in grids.items()
        ]
        if self.frame.implementation.is_pandas_like():  # by position: an index may repeat
            native = self.frame.to_native()
            return native.assign(**{s.name: s.to_numpy() for s in series})
        return self.frame.with_columns(*series).to_native()


def opened(native: Any) -> nw.DataFrame[Any]:
    """A frame of any kind, read by narwhals."""
    try:
        return nw.from_native(native, eager_only=True)
    except TypeError:
        raise UserError(
            f"a {type(native).__name__} is no frame: give a pandas, polars or cudf frame of bars"
        ) from None
    except nw.exceptions.DuplicateError:
        names = [str(name) for name in native.columns]
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(
            f"the frame has several columns {twice!r}: rename or drop all but one"
        ) from None


def coded(values: Any) -> Array:
    """Each text as its number among the different ones in order, NaN for none.

    The numbers depend on which texts there are, not on which comes first.
    """
    import pandas as pd

    codes, found = pd.factorize(np.asarray(values, dtype=object).reshape(-1))
    place = np.unique(np.array([str(v) for v in found], dtype=str), return_inverse=True)[1]
    numbers = np.append(place.astype(np.float64), np.nan)[codes]
    return np.asarray(numbers.reshape(np.shape(values)), dtype=np.float64)


def _bar_numbers(
    columns: NDArray[np.int64],
    days: NDArray[np.int64] | None,
    symbols: tuple[str, ...],
    keys: Keys,
) -> NDArray[np.int64]:
    """Number of each row among its symbol's rows, by date or else in the order given."""
    if days is None:
        order = np.argsort(columns, kind="stable")
    else:
        order = np.lexsort((days, columns))
        repeated = (np.diff(columns[order]) == 0) & (np.diff(days[order]) == 0)
        if repeated.any():
            at = int(order[int(repeated.argmax())])
            whose = f"symbol {symbols[columns[at]]}" if symbols[columns[at]] else "the frame"
            raise UserError(
                f"{whose} has several rows for {keys.day(at)}: remove the duplicates, or add a "
                "column 'symbol' if the rows are of several symbols"
            )
    counts = np.bincount(columns, minlength=len(symbols))
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    numbers = np.empty(len(columns), dtype=np.int64)
    numbers[order] = np.arange(len(columns)) - firsts[columns[order]]
    return numbers
