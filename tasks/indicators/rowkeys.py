"""Whose each row of a frame is, and of which day: in columns or in levels of the index.

Names are those of `tasks.data.spelling`, in any case. Levels without a name are known by what they
hold. What cannot be told is refused: rows of several symbols taken for one symbol's would give
numbers that look right.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from tasks.data.spelling import DATE_NAMES, SPELLINGS, SYMBOL_NAMES, WEAK_DATE_NAMES, moment
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: text in these is a mistake that is named when it is read as a number, never a symbol
_NUMBERS = {n for name in SPELLINGS if name not in ("symbol", "date", "industry")
            for n in (name, *SPELLINGS[name])}  # fmt: skip
#: whole numbers up to here count bars, and from there on seconds or parts of them since 1970
_COUNTS, _CLOCKS = 190_000, 1_000_000_000
_MONTHS = range(100_000, 1_000_000)


@dataclasses.dataclass(frozen=True, eq=False)
class Key:
    """A column, or a level of the index.

    Attributes:
        name: its own name; what it holds where it has none.
        values: a series of narwhals, or an index of pandas.
        column: the column's name in lower case; empty for a level.
    """

    name: str
    values: Any
    column: str = ""

    def array(self) -> NDArray[Any]:
        """Its values, times of a time zone in UTC."""
        zoned = not self.column and getattr(self.values, "tz", None) is not None
        return np.asarray((self.values.tz_convert(None) if zoned else self.values).to_numpy())

    def missing(self, row: int) -> UserError:
        """The error for a row that has no value."""
        return UserError(f"row {row} of the frame has no {self.name}: fill it or remove the row")


@dataclasses.dataclass(frozen=True)
class Keys:
    """What tells the rows of a frame apart.

    Attributes:
        symbol: whose a row is; None for a frame of one symbol.
        date: of which day it is; None if rows count as they stand.
        rest: the other columns and levels of the index.
        levels: number of the index's levels.
        rows: number of rows.
    """

    symbol: Key | None
    date: Key | None
    rest: tuple[Key, ...]
    levels: int
    rows: int

    @classmethod
    def find(cls, frame: nw.DataFrame[Any]) -> Keys:
        """Find them in a frame, by name, by type and at last by what levels without a name hold."""
        columns = [Key(own, frame[own], low) for low, own in lower_names(frame.columns).items()]
        levels = _levels(frame)
        named = {level.name.lower(): level for level in levels} | {k.column: k for k in columns}
        symbol = _first(named, SYMBOL_NAMES)
        date = (
            _first(named, DATE_NAMES)
            or next((level for level in levels if level is not symbol and _is_dated(level)), None)
            or _first(named, WEAK_DATE_NAMES)
        )
        symbol, date = _without_names(levels, symbol, date)
        rest = tuple(k for k in (*levels, *columns) if k is not symbol and k is not date)
        return cls(_called(symbol, "symbol"), _called(date, "date"), rest, len(levels), len(frame))

    @property
    def columns(self) -> set[str]:
        """Names in lower case of those that are columns."""
        return {key.column for key in (self.symbol, self.date) if key and key.column}

    def symbols(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """The symbols in ascending order, and each row's number among them.

        One empty name where no row says whose it is. Errors: `UserError` for a row without one, and
        for texts under another name that may be the symbols.
        """
        if self.symbol is None:
            self._refuse("symbol", "texts", "whose a row is", _may_be_symbols)
            return ("",), np.zeros(self.rows, dtype=np.int64)
        import pandas as pd

        codes, found = pd.factorize(self.symbol.array())
        texts = [str(value) for value in found]
        empty = [number for number, text in enumerate(texts) if not text.strip()]
        lacking = (codes < 0) | np.isin(codes, empty)
        if lacking.any():
            raise self.symbol.missing(int(lacking.argmax()))
        names, place = np.unique(np.array(texts, dtype=str), return_inverse=True)
        return tuple(str(name) for name in names), place.astype(np.int64)[codes]

    def dates(self) -> NDArray[Any] | None:
        """What orders the rows: times, or whole numbers that count; None for as they stand.

        Errors: `UserError` names the first row whose date is missing or none, and days under
        another name that may be the dates.
        """
        if self.date is None:
            self._refuse("date", "days", "of which day a row is", _may_be_dates)
            return None
        values = self.date.array()
        if values.dtype.kind == "M":
            if np.isnat(values).any():
                raise self.date.missing(int(np.isnat(values).argmax()))
            return values
        if values.dtype.kind in "iu" and _count(values):
            return values.astype(np.int64)
        return _moments(self.date, values)

    def day(self, row: int) -> str:
        """The date of a row, as it is written there."""
        text = str(self.date.values[row]) if self.date else ""
        return text.removesuffix(" 00:00:00")

    def _refuse(self, name: str, hold: str, say: str, may_be: Callable[[Key], bool]) -> None:
        """Refuse what may be the symbols or the dates, where nothing is called so."""
        levels = [key for key in self.rest if not key.column]
        if self.levels > 1 and levels:
            raise UserError(
                f"the level {levels[0].name or 'without a name'} of the frame's index is neither "
                "symbols nor dates: name the levels symbol and date, or make them columns "
                "(reset_index)"
            )
        for key in self.rest:
            if may_be(key):
                where = f"column {key.name!r}" if key.column else "index"
                raise UserError(
                    f"the frame has no {name}s, but its {where} holds different {hold}: call it "
                    f"{name!r} if they say {say}, else drop it, or add a column {name!r}"
                )


def lower_names(
    columns: Iterable[Any], what: str = "column", whole: str = "frame"
) -> dict[str, str]:
    """Lower-case name to own name of each column.

    Errors: `UserError` for a name that is no text, and for two that differ in their case alone.
    """
    names: dict[str, str] = {}
    for own in columns:
        if not isinstance(own, str):
            raise UserError(
                f"{what} {own!r} of the {whole} has a name that is no text: give each {what} a "
                "text as its name, and a frame one row per symbol and date"
            )
        if own.lower() in names:
            raise UserError(
                f"{names[own.lower()]!r} and {own!r} of the {whole} are one field, which has a "
                f"lower-case name: rename or drop one {what}"
            )
        names[own.lower()] = own
    return names


def make_room(
    results: Iterable[str], names: Mapping[str, str], keys: Keys, read: Iterable[str] = ()
) -> None:
    """Refuse results that would take the place of bars; any other column may be replaced.

    Args:
        results: names of the columns to come.
        names: lower-case name to own name of the frame's columns.
        keys: whose each row is, and of which day.
        read: lower-case names of columns that the results are computed from.
    """
    bars = {*SPELLINGS, *keys.columns, *read}
    for name in results:
        if name.lower() in bars and name.lower() in names:
            raise UserError(
                f"the result {name!r} would take the place of the frame's column "
                f"{names[name.lower()]!r}: give it another name"
            )


def is_text(series: nw.Series[Any]) -> bool:
    """Whether a column holds texts or categories."""
    return series.dtype in (nw.String, nw.Categorical, nw.Enum)


def _levels(frame: nw.DataFrame[Any]) -> list[Key]:
    index = nw.maybe_get_index(frame)
    if index is None:
        return []
    if type(index).__module__.startswith("cudf"):
        index = index.to_pandas()
    found = [index.get_level_values(number) for number in range(index.nlevels)]
    return [Key(level.name if isinstance(level.name, str) else "", level) for level in found]


def _first(named: Mapping[str, Key], wanted: Sequence[str]) -> Key | None:
    return next((named[name] for name in wanted if name in named), None)


def _called(key: Key | None, name: str) -> Key | None:
    return dataclasses.replace(key, name=name) if key and not key.name else key


def _is_dated(level: Key) -> bool:
    """Whether a level is of dates by its type."""
    import pandas as pd

    return isinstance(level.values, (pd.DatetimeIndex, pd.PeriodIndex))


def _is_text(key: Key) -> bool:
    import pandas as pd

    if key.column:
        return is_text(key.values)
    return pd.api.types.infer_dtype(key.values, skipna=True) in ("string", "categorical")


def _are_dates(key: Key) -> bool:
    """Whether all values are dates by what they say."""
    import pandas as pd

    values = key.array()
    try:
        first = [moment(value) for value in values[:1]]  # most that are none are so at once
        return bool(first) and not any(np.isnat(moment(v)) for v in pd.factorize(values)[1])
    except ValueError:
        return False


def _without_names(
    levels: Sequence[Key], symbol: Key | None, date: Key | None
) -> tuple[Key | None, Key | None]:
    """The symbols and dates, which may be levels without a name, known by what they hold."""
    for level in levels:
        if level.name or level is date:
            continue
        if date is None and _are_dates(level):
            date = level
        elif symbol is None and len(levels) > 1 and _is_text(level):
            symbol = level
    return symbol, date


def _may_be_symbols(key: Key) -> bool:
    plain = key.column in _NUMBERS or not _is_text(key)
    return not plain and _differ(key) and not _are_dates(key)


def _may_be_dates(key: Key) -> bool:
    plain = not key.column or key.column in _NUMBERS or key.values.dtype.is_float()
    return not plain and _are_dates(key) and _differ(key)


def _differ(key: Key) -> bool:
    """Whether there are several values, nothing aside."""
    if key.column:
        return bool(key.values.drop_nulls().n_unique() > 1)
    return len(key.values.dropna().unique()) > 1


def _count(values: NDArray[np.integer[Any]]) -> bool:
    """Whether whole numbers are in order as they are: no days written as yyyymmdd."""
    if not len(values):
        return True
    least, most = int(values.min()), int(values.max())
    return most < _COUNTS or least >= _CLOCKS or (least in _MONTHS and most in _MONTHS)


def _moments(date: Key, values: NDArray[Any]) -> NDArray[np.datetime64]:
    """Dates in any spelling, each distinct one read once."""
    import pandas as pd

    codes, found = pd.factorize(values)
    read = np.full(len(found) + 1, np.datetime64("NaT", "us"))
    for number, value in enumerate(found):
        try:
            read[number] = moment(value)
        except ValueError:
            raise UserError(
                f"row {int((codes == number).argmax())} of the frame has the {date.name} "
                f"{str(value)[:40]!r}, which is no date: write dates as 2026-11-20 or 20261120"
            ) from None
    dates = read[codes]
    if np.isnat(dates).any():
        raise date.missing(int(np.isnat(dates).argmax()))
    return dates
