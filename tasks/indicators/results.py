"""How the caller wants results: of which dtype, and how many symbols are computed side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    Dtype = np.dtype[np.floating[Any]]

#: results are kept in these; everything is computed in float64
DTYPES = ("float64", "float32")


def dtype_of(given: Any) -> Dtype:
    """The dtype of results, float64 or float32; any other is the caller's mistake.

    Whole numbers have no NaN, and smaller floats no room for prices times volumes.
    """
    try:
        found: np.dtype[Any] = np.dtype(given)
    except TypeError:
        found = np.dtype(object)
    if given is None or found.name not in DTYPES or not found.isnative:
        raise UserError(f"dtype is {given!r}: give {' or '.join(DTYPES)}")
    return found


def block_of(given: Any) -> int | None:
    """How many symbols are computed side by side, None for as many as suit."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given < 1:
        raise UserError(
            f"block is {given!r}, the number of symbols side by side: give a whole number from 1, "
            "or None for as many as suit"
        )
    return int(given)
