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

    What is masked or missing is NaN. Errors: `UserError` names `what` if it is not of real numbers
    or has more than two dimensions.
    """
    try:
        array = _host(values)
        if _odd(array.dtype):
            raise TypeError(f"it holds {array.dtype}")
        array = array.astype(np.float64, copy=False)
    except _refusals() as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{what} cannot be read as numbers ({reason}): give an array or a frame of numbers"
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


def _host(values: Any) -> NDArray[Any]:
    name = kind(values)
    if name == "torch":
        tensor = values.detach().cpu()
        return np.asarray((tensor if tensor.is_complex() else tensor.double()).numpy())
    if name == "cupy":
        return np.asarray(values.get())
    if name in ("pandas", "cudf"):
        types = values.dtypes if values.ndim == 2 else [values.dtype]
        for dtype in types:
            if _odd(dtype):
                raise TypeError(f"it holds {dtype}")
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
    if name == "polars":
        return _from_polars(values, sys.modules[name])
    if isinstance(values, np.ma.MaskedArray):
        return np.asarray(np.ma.filled(values.astype(np.float64), np.nan))
    return np.asarray(values)


def _from_polars(values: Any, library: Any) -> NDArray[Any]:
    frame = values.to_frame() if values.__class__.__name__ == "Series" else values
    for dtype in frame.dtypes:
        if dtype.is_temporal():
            raise TypeError(f"it holds {dtype}")
    columns = frame.cast(library.Float64).fill_null(float("nan")).to_numpy()
    return np.asarray(columns[:, 0] if frame is not values else columns)


def _odd(dtype: Any) -> bool:
    """Whether numbers made of it would mean something else: of times or complex numbers."""
    return getattr(dtype, "kind", "") in ("c", "M", "m")


def _refusals() -> tuple[type[Exception], ...]:
    """What the libraries that are loaded raise on values that are no numbers."""
    polars = sys.modules.get("polars")
    own = (polars.exceptions.PolarsError,) if polars else ()
    return (TypeError, ValueError, *own)


def _pandas_like(result: Array, template: Any, library: Any) -> Any:
    if not hasattr(template, "index"):  # an index, or an array of an extension type
        return result
    if result.ndim == 1:
        return library.Series(result, index=template.index, name=template.name)
    return library.DataFrame(result, index=template.index, columns=template.columns)


def _polars_like(result: Array, template: Any, library: Any) -> Any:
    if result.ndim == 1:
        return library.Series(template.name, result)
    return library.DataFrame(result, schema=template.columns)
