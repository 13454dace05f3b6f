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

from tasks.cluster.frames import Part, add_columns, by_symbol, checked, keys_of
from tasks.cluster.manager import DaskDistributedManager
from tasks.cluster.outcomes import run_all
from tasks.cluster.processor import DistributedDataProcessor
from tasks.errors import UserError
from tasks.indicators.expressions.frames import calculate_factors, checked_factors, fitting
from tasks.indicators.longframe import opened
from tasks.indicators.rowkeys import lower_names

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

WINDOW = "{window}"


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
        listed = isinstance(factors, Sequence) and not isinstance(factors, str)
        named = checked_factors({f: f for f in factors} if listed else factors)
        frame = checked(df)
        fitting(named, lower_names(opened(frame).columns), keys_of(frame))
        across = _across(named)
        alone = {name: text for name, text in named.items() if name not in across}
        found = self._by_symbol(frame, alone) if alone else frame
        if across:
            found = self._whole(found, frame, {name: named[name] for name in across})
        more = [c for c in (*named, *found.columns) if c not in frame.columns]
        return found[[*frame.columns, *dict.fromkeys(more)]]

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
        windows = _windows(windows)
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
        everything = [Part(("",), np.arange(len(frame)))]
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


def _windows(windows: Any) -> list[int]:
    several = isinstance(windows, (Sequence, np.ndarray)) and not isinstance(windows, str)
    listed = list(windows) if several else [windows]
    whole = [isinstance(w, (int, np.integer)) and not isinstance(w, bool) for w in listed]
    if not several or not listed or not all(whole) or min(listed) < 1:
        raise UserError(
            f"windows {windows!r} are not all whole numbers of at least 1: give a list, such as "
            "[5, 20]"
        )
    return [int(w) for w in listed]


def _calendar(frame: pd.DataFrame) -> NDArray[Any] | None:
    """All dates of the frame; None where rows count as they stand, or with one symbol only."""
    keys = keys_of(frame)
    dates = keys.dates()
    return None if dates is None or keys.symbol is None else np.unique(dates)


def _factors(
    rows: pd.DataFrame, calendar: NDArray[Any] | None, *, factors: Mapping[str, str]
) -> dict[str, Any]:
    """The new columns of a block, on the calendar of the whole frame."""
    found = calculate_factors(rows, factors, "cpu", calendar=calendar)
    return {name: found[name].to_numpy() for name in factors}


def _whole_frame(factors: Mapping[str, str], frame: pd.DataFrame) -> dict[str, Any]:
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
        dates = keys_of(mine).dates()
        order = np.arange(len(mine)) if dates is None else np.argsort(dates, kind="stable")
        mine = mine.iloc[order]
        for w in windows:
            values = [float(factor(mine.iloc[i - w : i])) for i in range(w, len(mine) + 1)]
            found[f"{name}_{w}"][part.positions[order][w - 1 :]] = values
    return found
