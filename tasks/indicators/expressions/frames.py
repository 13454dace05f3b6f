"""Factors of frames and arrays: the same language for notebooks and for frames cut into blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tasks.arrays.kinds import in_kind, to_numpy
from tasks.data.panel import Panel
from tasks.errors import UserError
from tasks.indicators.expressions.evaluating import evaluate
from tasks.indicators.longframe import LongFrame


def calculate_factors(
    df: Any, factors: Mapping[str, str], device: str = "auto", *, allow_future: bool = False
) -> Any:
    """The frame with one more column per factor, in kind and in its own row order.

    Args:
        df: pandas, polars or cudf frame of bars, one or many symbols; its numeric columns are the
            fields (lower case: `$close`). With a date column rows count on the calendar of all
            dates in the frame, else each symbol's rows count as they stand. Or a mapping of
            fields to series (T,) or grids (T dates x N symbols) of any array kind.
        factors: column name to expression, see `tasks.indicators.expressions`.
        device: `auto`, `cpu` or `gpu`.
        allow_future: allow negative `Ref`, for labels.

    A mapping gives a mapping: each factor in the kind, shape and names of its first field.
    Symbols never meet, but in operators across symbols. Errors: `UserError` as in `evaluate`.
    """
    if isinstance(df, Mapping):
        return _of_fields(df, factors, device, allow_future)
    frame = LongFrame.read(df, on_calendar=True)
    panel = frame.panel(frame.numeric)
    return frame.with_columns(evaluate(factors, panel, device, allow_future=allow_future))


def _of_fields(
    given: Mapping[str, Any], factors: Mapping[str, str], device: str, allow_future: bool
) -> dict[str, Any]:
    if not given:
        raise UserError("there are no fields to compute on: give at least one, such as close")
    arrays = {name.lower(): to_numpy(v, f"field {name!r}") for name, v in given.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    shape = next(iter(shapes.values()))
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {size}" for name, size in shapes.items())
        raise UserError(f"the fields differ in shape ({listed}): give them one grid")
    grid = (shape[0], 1) if len(shape) == 1 else shape
    template = next(iter(given.values()))
    names = getattr(template, "columns", range(grid[1]))
    panel = Panel(
        np.datetime64("1970-01-01") + np.arange(grid[0]),
        tuple(str(name) for name in names),
        {name: array.reshape(grid) for name, array in arrays.items()},
        "adjusted",
    )
    found = evaluate(factors, panel, device, allow_future=allow_future)
    back = {name: np.asarray(grid, np.float64).reshape(shape) for name, grid in found.items()}
    return {name: in_kind(grid, template) for name, grid in back.items()}
