"""Where a grid holds what it cannot mean: values below a bound, or infinite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel, step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@kernel
def first_outside(values: Array, low: float, itself: bool) -> int:
    """Place of the first value below `low`, or equal to it unless `itself`, or infinite; else -1.

    NaN is not outside.
    """
    if outside(values, low, itself) > 0:
        for i in range(len(values)):
            below = values[i] < low or (values[i] == low and not itself)
            if below or values[i] == np.inf:
                return i
    return -1


@step
def outside(values: Array, low: float, itself: bool) -> int:
    """How many values are outside, see `first_outside`."""
    bad, strict = 0, not itself
    for n in range(len(values)):  # without a way out: the compiler then takes several at once
        bad += (values[n] < low) | ((values[n] == low) & strict) | (values[n] == np.inf)
    return bad
