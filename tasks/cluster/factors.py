"""Factor expressions over a cluster: parsed by Qilin's own grammar, never evaluated as code.

Expressions of one symbol's rows are computed block by block; those across symbols (`CSRank` and
the like) need the whole day, so each is one task on the whole frame. Every block sees the whole
frame's calendar, so that its values are those of one computation, bit for bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.cluster.frames import add_columns, by_symbol, checked, date_column, symbol_column
from tasks.cluster.frames import joined as joined_parts
from tasks.cluster.manager import DaskDistributedManager
from tasks.cluster.outcomes import run_all
from tasks.cluster.processor import DistributedDataProcessor
from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

WINDOW = "{window}"
#: a symbol that no exchange has; its rows carry the calendar into a block
_CALENDAR = "\uffffcalendar"


class DistributedFactorCalculator:
    """Factors of long pandas frames over a cluster."""

    def __init__(self, manager: DaskDistributedManager) -> None:
        self.manager = manager

    def calculate_factors_batch(
        self, df: pd.DataFrame, factors: Mapping[str, str] | Sequence[str]
    ) -> pd.DataFrame:
        """The frame with one more column per factor, in its own row order.

        Args:
            df: long frame of bars, one or many symbols, see
                `tasks.indicators.expressions.calculate_factors`, which gives the same values.
            factors: column name to expression; or expressions, which are their own names.

        A failing symbol has NaN and the reason in the column `error`. Errors: `UserError` for a
        text that is no expression, and if every symbol failed.
        """
        named = dict(factors) if isinstance(factors, Mapping) else {f: f for f in factors}
        frame = checked(df)
        across = _across(named)
        alone = {name: text for name, text in named.items() if name not in across}
        found = self._by_symbol(frame, alone) if alone else frame
        if across:
            found = self._whole(found, frame, {name: named[name] for name in across})
        ends = [c for c in found.columns if c not in named]
        extra = [c for c in ends if c not in frame.columns]
        return found[[*frame.columns, *named, *extra]]

    def rolling_factor_calculation(
        self,
        df: pd.DataFrame,
        factor: str | Callable[[pd.DataFrame], float],
        windows: Sequence[int],
        name: str = "factor",
    ) -> pd.DataFrame:
        """The frame with one factor for several windows, in columns `<name>_<window>`.

        Args:
            df: long frame of bars, one or many symbols.
            factor: an expression with `{window}` in it, such as `Mean($close, {window})`; or a
                function of the last `window` rows of a symbol, by date, giving a number. A
                symbol's first rows, which have no whole window, are NaN then.
            windows: in rows, each at least 1.
            name: start of the columns' names.
        """
        wrong = [w for w in windows if isinstance(w, bool) or not isinstance(w, int) or w < 1]
        if wrong or not windows:
            raise UserError(f"windows {list(windows)} are not all whole numbers of at least 1")
        if callable(factor):
            rolled = functools.partial(_rolled, factor=factor, windows=tuple(windows), name=name)
            return DistributedDataProcessor(self.manager).add_by_symbol(
                checked(df), rolled, "rolling factors"
            )
        if WINDOW not in factor:
            raise UserError(f"factor {factor!r} does not say where the window goes: write {WINDOW}")
        texts = {f"{name}_{w}": factor.replace(WINDOW, str(w)) for w in windows}
        return self.calculate_factors_batch(df, texts)

    def _by_symbol(self, frame: pd.DataFrame, factors: Mapping[str, str]) -> pd.DataFrame:
        compute = functools.partial(_factors, factors=dict(factors))
        return DistributedDataProcessor(self.manager).add_by_symbol(
            frame, compute, "factors", shared=[_calendar(frame)]
        )

    def _whole(
        self, found: pd.DataFrame, frame: pd.DataFrame, factors: Mapping[str, str]
    ) -> pd.DataFrame:
        calls = [({name: text},) for name, text in factors.items()]
        outcomes = run_all(self.manager, _whole_frame, calls, label="factors", shared=[frame])
        everything = joined_parts(by_symbol(frame), 1)
        for outcome in outcomes:
            if outcome.error is not None:
                raise UserError(outcome.error)
            found = add_columns(found, everything, [outcome])
        return found


def _across(factors: Mapping[str, str]) -> list[str]:
    """Names of the factors that need other symbols' values; a text that is none is refused."""
    from tasks.indicators.expressions.parser import parse
    from tasks.indicators.expressions.planner import crosses

    found = []
    for name, text in factors.items():
        graph, _ = parse({name: text})
        if any(crosses(graph, node) for node in range(len(graph.nodes))):
            found.append(name)
    return found


def _calendar(frame: pd.DataFrame) -> Any:
    """All dates of the frame; None where rows count as they stand, or with one symbol only."""
    import pandas as pd

    name = date_column(frame)
    if symbol_column(frame) is None:
        return None
    if name is not None:
        return frame[name].drop_duplicates().sort_values().reset_index(drop=True)
    if isinstance(frame.index, pd.DatetimeIndex):
        return frame.index.unique().sort_values()
    return None


def _factors(rows: pd.DataFrame, calendar: Any, *, factors: Mapping[str, str]) -> dict[str, Any]:
    """The new columns of a block, on the calendar of the whole frame."""
    from tasks.indicators.expressions.frames import calculate_factors

    found = calculate_factors(_on_calendar(rows, calendar), factors, "cpu")
    return {name: found[name].to_numpy()[: len(rows)] for name in factors}


def _on_calendar(rows: pd.DataFrame, calendar: Any) -> pd.DataFrame:
    """The rows, and below them one of a symbol without values for each date of the calendar."""
    import pandas as pd

    if calendar is None:
        return rows
    symbol, date = symbol_column(rows), date_column(rows)
    numbers = [c for c in rows.columns if pd.api.types.is_numeric_dtype(rows[c])]
    columns: dict[str | None, Any] = {symbol: _CALENDAR, **dict.fromkeys(numbers, np.nan)}
    if date is not None:
        columns[date] = calendar
    blank = pd.DataFrame(
        columns,
        index=range(len(calendar)) if date is not None else calendar,
    )
    return pd.concat([rows[list(blank.columns)], blank])


def _whole_frame(factors: Mapping[str, str], frame: pd.DataFrame) -> dict[str, Any]:
    from tasks.indicators.expressions.frames import calculate_factors

    found = calculate_factors(frame, factors, "cpu")
    return {name: found[name].to_numpy() for name in factors}


def _rolled(
    rows: pd.DataFrame,
    *,
    factor: Callable[[pd.DataFrame], float],
    windows: Sequence[int],
    name: str,
) -> dict[str, Any]:
    found = {f"{name}_{w}": np.full(len(rows), np.nan) for w in windows}
    for part in by_symbol(rows):
        mine = part.of(rows)
        order = _by_date(mine)
        mine = mine.iloc[order]
        for w in windows:
            values = [float(factor(mine.iloc[i - w : i])) for i in range(w, len(mine) + 1)]
            found[f"{name}_{w}"][part.positions[order][w - 1 :]] = values
    return found


def _by_date(rows: pd.DataFrame) -> Any:
    import pandas as pd

    name = date_column(rows)
    if name is not None:
        return np.argsort(rows[name].to_numpy(), kind="stable")
    if isinstance(rows.index, pd.DatetimeIndex):
        return np.argsort(rows.index.to_numpy(), kind="stable")
    return np.arange(len(rows))
