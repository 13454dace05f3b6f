"""Long frames in and out: each symbol's rows become one column of a grid, so none meets another.

Row i of the grid is each symbol's i-th bar by date, and shorter symbols end in NaN; or, on the
calendar, the i-th date of the whole frame. Results go back to the frame's own rows, in kind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from tasks.data.panel import Panel
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SYMBOL_NAMES = ("symbol", "code", "ts_code", "ticker", "instrument")
DATE_NAMES = ("date", "datetime", "trade_date", "time", "timestamp")


@dataclasses.dataclass(frozen=True)
class LongFrame:
    """A frame of bars and where each of its rows lies on the grid (bars x symbols).

    Attributes:
        frame: the frame, read by narwhals.
        names: lower-case name to the frame's own name of each column.
        rows: grid row of each frame row: its bar's number within its symbol, or its date's.
        columns: grid column of each frame row; its symbol's number.
        shape: bars of the longest symbol, and symbols.
        symbols: the symbols' names in column order; one empty name without a symbol column.
    """

    frame: Any
    names: Mapping[str, str]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    shape: tuple[int, int]
    symbols: tuple[str, ...]

    @classmethod
    def read(
        cls, native: Any, needed: Iterable[str] = (), *, on_calendar: bool = False
    ) -> LongFrame:
        """Read a frame and order its rows; `needed` columns must be there."""
        frame = _frame(native)
        names = {str(c).lower(): c for c in frame.columns}
        missing = [n for n in needed if n not in names]
        if missing:
            raise UserError(
                f"the frame has no column {', '.join(map(repr, missing))}; it has "
                f"{', '.join(map(str, frame.columns))}: rename its columns or add the missing ones"
            )
        symbols, columns = _symbols(frame, names)
        dates = _dates(frame, names)
        rows = _bar_numbers(columns, dates, symbols)
        if on_calendar and dates is not None:
            rows = np.unique(dates, return_inverse=True)[1].astype(np.int64)
        shape = (int(rows.max()) + 1 if len(rows) else 0, len(symbols))
        return cls(frame, names, rows, columns, shape, symbols)

    @property
    def numeric(self) -> list[str]:
        """Lower-case names of the numeric columns."""
        return [low for low, own in self.names.items() if self.frame[own].dtype.is_numeric()]

    def grid(self, name: str) -> Array:
        """One column as a grid (bars x symbols), NaN where a symbol has no such bar."""
        try:
            values = self.frame[self.names[name]].cast(nw.Float64()).to_numpy()
        except (TypeError, ValueError, nw.exceptions.NarwhalsError) as error:
            raise UserError(
                f"column {self.names[name]!r} cannot be read as numbers ({error}): convert it first"
            ) from None
        grid = np.full(self.shape, np.nan)
        grid[self.rows, self.columns] = values
        return grid

    def panel(self, names: Iterable[str]) -> Panel:
        """Some columns as a panel whose dates only count the rows."""
        rows, symbols = self.shape
        return Panel(
            dates=np.datetime64(0, "D") + np.arange(rows),
            symbols=self.symbols if symbols else (),
            fields={name: self.grid(name) for name in names},
            source="frame",
        )

    def with_columns(self, grids: Mapping[str, NDArray[Any]]) -> Any:
        """The frame in kind and in its own row order, with one more column per grid."""
        series = [
            nw.new_series(name, grid[self.rows, self.columns], backend=self.frame.implementation)
            for name, grid in grids.items()
        ]
        native = self.frame.to_native()
        if self.frame.implementation.is_polars():
            return self.frame.with_columns(*series).to_native()
        return native.assign(**{s.name: s.to_numpy() for s in series})


def _frame(native: Any) -> Any:
    try:
        return nw.from_native(native, eager_only=True)
    except TypeError:
        raise UserError(
            f"a {type(native).__name__} is no frame: give a pandas, polars or cudf frame of bars"
        ) from None


def _symbols(frame: Any, names: Mapping[str, str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    name = next((names[n] for n in SYMBOL_NAMES if n in names), None)
    if name is None:
        return ("",), np.zeros(len(frame), dtype=np.int64)
    found, columns = np.unique(frame[name].to_numpy().astype(str), return_inverse=True)
    return tuple(str(s) for s in found), columns.astype(np.int64)


def _dates(frame: Any, names: Mapping[str, str]) -> NDArray[Any] | None:
    """What orders the rows: a date column, else an index of dates, else nothing."""
    name = next((names[n] for n in DATE_NAMES if n in names), None)
    if name is not None:
        return np.asarray(frame[name].to_numpy())
    index = nw.maybe_get_index(frame)
    if index is not None and str(index.dtype).startswith("datetime64"):
        return np.asarray(index.to_numpy())
    return None


def _bar_numbers(
    columns: NDArray[np.int64], dates: NDArray[Any] | None, symbols: tuple[str, ...]
) -> NDArray[np.int64]:
    """Number of each row among its symbol's rows, by date or else in the order given."""
    if dates is None:
        order = np.argsort(columns, kind="stable")
    else:
        _, days = np.unique(dates, return_inverse=True)
        order = np.lexsort((days, columns))
        repeated = (np.diff(columns[order]) == 0) & (np.diff(days[order]) == 0)
        if repeated.any():
            at = order[int(repeated.argmax())]
            whose = f"symbol {symbols[columns[at]]}" if symbols[columns[at]] else "the frame"
            raise UserError(
                f"{whose} has several rows for {dates[at]}: remove the duplicates, or add a column "
                "'symbol' if the rows are of several symbols"
            )
    counts = np.bincount(columns, minlength=len(symbols))
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    numbers = np.empty(len(columns), dtype=np.int64)
    numbers[order] = np.arange(len(columns)) - firsts[columns[order]]
    return numbers
