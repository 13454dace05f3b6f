"""Where a grid holds what it cannot mean: values below a bound, or infinite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel, step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: the smallest number above zero
POSITIVE = 5e-324


@kernel
def first_outside(values: Array, lowest: float) -> int:
    """Place of the first value below `lowest`, or infinite; -1 where all are NaN or fit."""
    if outside(values, lowest) > 0:
        for i in range(len(values)):
            if values[i] < lowest or values[i] == np.inf:
                return i
    return -1


@step
def outside(values: Array, lowest: float) -> int:
    """How many values are below `lowest`, or infinite."""
    bad = 0
    for n in range(len(values)):  # without a way out: the compiler then takes several at once
        bad += (values[n] < lowest) | (values[n] == np.inf)
    return bad
