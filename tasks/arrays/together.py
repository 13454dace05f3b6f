"""Several inputs of one computation: of one shape, and with the same labels where they have any.

Arrays are computed by position. Two frames whose columns stand in another order, or whose rows are
of other days, have equal shapes all the same; they are refused instead of mixed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.kinds import in_kind, kind, to_numpy
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Leave = Callable[[NDArray[Any]], Any]


def together(given: Mapping[str, Any], what: str = "") -> tuple[dict[str, Array], Leave]:
    """Grids (T, N) of all inputs, and the way back to the first one's kind, shape and names.

    Args:
        given: name of each input to a series (T,) or grid (T dates x N symbols) of any kind.
        what: begins every message, such as `sma: `.

    Errors: `UserError` names what is not numeric, what differs in shape, and the first label of
    rows or columns that differs.
    """
    arrays = {name: to_numpy(values, f"{what}{name}") for name, values in given.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise UserError(f"{what}the inputs differ in shape ({listed}): give them one grid")
    _same_labels(given, what)
    first, template = next(iter(given.items()))
    shape = shapes[first]
    grid = shape if len(shape) == 2 else (shape[0], 1)
    grids = {n: np.ascontiguousarray(a.reshape(grid)) for n, a in arrays.items()}
    return grids, lambda result: in_kind(result.reshape(shape), template)


def column_names(values: Any) -> tuple[str, ...] | None:
    """Names of a frame's columns as texts; None for what has none."""
    names = getattr(values, "columns", None)
    return None if names is None else tuple(str(name) for name in names)


def _same_labels(given: Mapping[str, Any], what: str) -> None:
    first: dict[str, tuple[str, Any]] = {}
    for name, values in given.items():
        for axis, labels in (("row", _row_labels(values)), ("column", column_names(values))):
            if labels is None:
                continue
            other, known = first.setdefault(axis, (name, labels))
            at = _first_difference(known, labels)
            if at is not None:
                raise UserError(
                    f"{what}the {axis}s of {other} and {name} are not the same, {axis} {at} is "
                    f"{_shown(known[at])} and {_shown(labels[at])}: put them in one order, as "
                    f"with {name}.reindex_like({other}) of pandas"
                )


def _row_labels(values: Any) -> Any:
    """The index of a pandas or cudf object."""
    name = kind(values)
    if name not in ("pandas", "cudf") or not hasattr(values, "index"):
        return None
    return values.index.to_pandas() if name == "cudf" else values.index


def _first_difference(one: Any, other: Any) -> int | None:
    if one is other or (one.equals(other) if hasattr(one, "equals") else one == other):
        return None
    pairs = enumerate(zip(one, other, strict=True))
    # labels that are equal one by one differ only in how they are stored
    return next((at for at, (x, y) in pairs if x != y and x is not y), None)


def _shown(label: Any) -> str:
    return str(label).removesuffix(" 00:00:00")
