"""Factors of frames and arrays: the same language for notebooks and for frames cut into blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.kinds import in_kind, to_numpy
from tasks.arrays.together import column_names, together
from tasks.data.panel import PRICE_FIELDS, Panel
from tasks.errors import UserError
from tasks.indicators.expressions.evaluating import evaluate
from tasks.indicators.expressions.graph import FIELD
from tasks.indicators.expressions.operators import ALL
from tasks.indicators.expressions.parser import parse
from tasks.indicators.longframe import LongFrame, coded
from tasks.indicators.rowkeys import Keys, lower_names, make_room

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: what a field is made of where the data do not have it
DERIVED = {"vwap": ("amount", "volume")}


def calculate_factors(
    df: Any,
    factors: Mapping[str, str],
    device: str = "auto",
    *,
    allow_future: bool = False,
    calendar: NDArray[Any] | None = None,
) -> Any:
    """The frame with one more column per factor, in kind and in its own row order.

    Args:
        df: pandas, polars or cudf frame of bars, one or many symbols; its columns are the fields
            (lower case: `$close`). Symbols and dates are in columns or in levels of a pandas
            index. With dates rows count on the calendar of all dates in the frame, else each
            symbol's rows count as they stand. Or a mapping of fields to series (T,) or grids
            (T dates x N symbols) of any array kind. Texts may be groups: `$industry`.
        factors: column name to expression, see `tasks.indicators.expressions`.
        device: `auto`, `cpu` or `gpu`.
        allow_future: allow negative `Ref`, for labels.
        calendar: all dates in order, where the frame is a part of a larger one.

    A mapping gives a mapping: each factor in the kind, shape and names of its first field.
    Symbols never meet, but in operators across symbols. Errors: `UserError` as in `evaluate`;
    for symbols and dates that cannot be told; for labels of fields that differ.
    """
    named = checked_factors(factors)
    if isinstance(df, Mapping):
        return _of_fields(df, named, device, allow_future)
    frame = LongFrame.read(df, on_calendar=True, calendar=calendar)
    read, groups = fitting(named, frame.names, frame.keys, allow_future)
    panel = frame.panel(_loaded(frame.numeric, read), groups)
    return frame.with_columns(evaluate(named, panel, device, allow_future=allow_future))


def checked_factors(factors: Any) -> dict[str, str]:
    """The factors by name.

    Errors: `UserError` for what is no mapping of texts to texts.
    """
    if not isinstance(factors, Mapping):
        raise UserError(
            f"the factors are {factors!r}: give a mapping of column names to expressions, such as "
            "{'ma5': 'Mean($close, 5)'}"
        )
    for name, text in factors.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise UserError(
                f"factor {name!r} is {text!r}: give a text as its name and an expression as text, "
                "such as {'ma5': 'Mean($close, 5)'}"
            )
    return dict(factors)


def fitting(
    factors: Mapping[str, str], names: Mapping[str, str], keys: Keys, allow_future: bool = False
) -> tuple[set[str], set[str]]:
    """What factors read of a frame, as `read_fields` says.

    Args:
        factors: column name to expression.
        names: lower-case name to own name of the frame's columns.
        keys: whose each row is, and of which day; these are no fields.
        allow_future: allow negative `Ref`.

    Errors: `UserError` as in `evaluate`, and for a factor that is called like a column of bars.
    """
    read, groups = read_fields(factors, [n for n in names if n not in keys.columns], allow_future)
    make_room(factors, names, keys, read)
    return read, groups


def read_fields(
    factors: Mapping[str, str], have: Iterable[str], allow_future: bool = False
) -> tuple[set[str], set[str]]:
    """The fields of the data that factors read, and those of them that are only ever groups.

    Errors: `UserError` as in `evaluate`.
    """
    known = set(have)
    derived = {n for n, parts in DERIVED.items() if n not in known and known.issuperset(parts)}
    graph, roots = parse(factors, allow_future=allow_future, fields=known | derived)
    values = set(roots)
    for node in graph.nodes:
        kinds = ALL[node.operator].arguments if node.operator in ALL else ""
        grouped = kinds.endswith("g") and len(node.arguments) == sum(k in "xg" for k in kinds)
        values.update(node.arguments[:-1] if grouped else node.arguments)
    fields = {n: str(node.parameters[0]) for n, node in enumerate(graph.nodes)
              if node.operator == FIELD}  # fmt: skip
    groups = {name for n, name in fields.items() if n not in values}
    read = {part for name in fields.values()
            for part in (DERIVED[name] if name in derived else (name,))}  # fmt: skip
    return read, groups


def _loaded(numeric: list[str], read: set[str]) -> list[str]:
    """The fields that a panel needs: those read, and those that say when a symbol was listed."""
    prices = [name for name in numeric if name in PRICE_FIELDS]
    return list(dict.fromkeys([*(prices or numeric), *sorted(read)]))


def _group(values: Any) -> Any:
    """What says whose group a symbol is: texts as numbers, in kind."""
    try:
        to_numpy(values)
    except UserError:
        texts = values.to_numpy() if hasattr(values, "to_numpy") else np.asarray(values, object)
        return in_kind(coded(texts), values)
    return values


def _of_fields(
    given: Mapping[str, Any], factors: Mapping[str, str], device: str, allow_future: bool
) -> dict[str, Any]:
    if not given:
        raise UserError("there are no fields to compute on: give at least one, such as close")
    fields = {low: given[own] for low, own in lower_names(given, "field", "mapping").items()}
    _, groups = read_fields(factors, fields, allow_future)
    numbers = {name: _group(v) if name in groups else v for name, v in fields.items()}
    grids, leave = together(numbers, "factors: ")
    rows, symbols = next(iter(grids.values())).shape
    names = column_names(next(iter(given.values()))) or tuple(str(n) for n in range(symbols))
    panel = Panel(np.datetime64("1970-01-01") + np.arange(rows), names, grids, "adjusted")
    found = evaluate(factors, panel, device, allow_future=allow_future)
    return {name: leave(np.asarray(grid, np.float64)) for name, grid in found.items()}
