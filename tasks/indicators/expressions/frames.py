"""Factors of long frames: the same language for notebooks and for frames cut into blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.indicators.expressions.evaluating import evaluate
from tasks.indicators.longframe import LongFrame


def calculate_factors(
    df: Any, factors: Mapping[str, str], device: str = "auto", *, allow_future: bool = False
) -> Any:
    """The frame with one more column per factor, in kind and in its own row order.

    Args:
        df: pandas, polars or cudf frame of bars, one or many symbols; its numeric columns are the
            fields (lower case: `$close`). With a date column rows count on the calendar of all
            dates in the frame, else each symbol's rows count as they stand.
        factors: column name to expression, see `tasks.indicators.expressions`.
        device: `auto`, `cpu` or `gpu`.
        allow_future: allow negative `Ref`, for labels.

    Symbols never meet, but in operators across symbols. Errors: `UserError` as in `evaluate`.
    """
    frame = LongFrame.read(df, on_calendar=True)
    panel = frame.panel(frame.numeric)
    return frame.with_columns(evaluate(factors, panel, device, allow_future=allow_future))
