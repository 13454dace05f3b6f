"""Array kinds in and out: numpy, pandas, polars, torch, cupy and cudf go in, and come back.

Everything is computed on float64 numpy grids; the result returns in the kind, index, names and
device of what was given. A library that is not loaded cannot have made the object, so nothing
heavy is ever imported here for a kind that is not used.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def kind(values: Any) -> str:
    """Name of the library that made an object: numpy, pandas, polars, torch, cupy, cudf, ..."""
    return type(values).__module__.partition(".")[0]


def to_numpy(values: Any, what: str = "the values") -> Array:
    """Any kind as a float64 numpy array of one or two dimensions, rows first.

    Errors: `UserError` names `what` if it is not numeric or has more than two dimensions.
    """
    try:
        array = np.asarray(_host(values), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{what} cannot be read as numbers ({error}): give an array or a frame of numbers"
        ) from None
    if array.ndim not in (1, 2):
        raise UserError(
            f"{what} has {array.ndim} dimensions: give a series (T,) or a grid (T dates x N)"
        )
    return array


def in_kind(result: Array, template: Any) -> Any:
    """A numpy result of the template's shape in the template's kind, index, names and device."""
    name = kind(template)
    if name in ("pandas", "cudf"):
        return _pandas_like(result, template, sys.modules[name])
    if name == "polars":
        return _polars_like(result, template, sys.modules[name])
    if name == "torch":
        return sys.modules[name].from_numpy(np.ascontiguousarray(result)).to(template.device)
    if name == "cupy":
        return sys.modules[name].asarray(result)
    return result


def _host(values: Any) -> Any:
    name = kind(values)
    if name == "torch":
        return values.detach().cpu().numpy()
    if name == "cupy":
        return values.get()
    if name in ("pandas", "cudf"):
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    if name == "polars":
        frame = values.to_frame() if values.__class__.__name__ == "Series" else values
        columns = frame.cast(sys.modules[name].Float64).fill_null(float("nan")).to_numpy()
        return columns[:, 0] if frame is not values else columns
    return values


def _pandas_like(result: Array, template: Any, library: Any) -> Any:
    if result.ndim == 1:
        return library.Series(result, index=template.index, name=template.name)
    return library.DataFrame(result, index=template.index, columns=template.columns)


def _polars_like(result: Array, template: Any, library: Any) -> Any:
    if result.ndim == 1:
        return library.Series(template.name, result)
    return library.DataFrame(result, schema=template.columns)
