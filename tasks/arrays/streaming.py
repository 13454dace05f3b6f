"""Stores that pass the cache by: for results that are written once and not read soon.

An ordinary store first reads the line it writes to, and pushes out of the cache what a tile still
needs. Rows of a grid wider than a tile are written a few hundred bytes at a time, where that costs
two thirds of the time. CPU only; where a processor has no such stores, these are ordinary ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.compiling import CACHE_FOLDER  # noqa: F401 -- sets numba's cache folder first

if TYPE_CHECKING:
    from numpy.typing import NDArray

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

#: bytes of a cache line
LINE = 64


@intrinsic  # type: ignore[untyped-decorator] # numba has no types
def stream(_: Any, array: Any, row: Any, column: Any, value: Any) -> Any:  # noqa: ARG001 -- typed by position
    """`array[row, column] = value` for a C-contiguous float array, in kernels only."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        data = context.make_array(kind)(context, builder, arguments[0])
        strides = cgutils.unpack_tuple(builder, data.strides, 2)
        size = ir.Constant(arguments[2].type, kind.dtype.bitwidth // 8)
        offset = builder.add(builder.mul(arguments[1], strides[0]), builder.mul(arguments[2], size))
        bits = ir.IntType(kind.dtype.bitwidth)
        place = builder.gep(builder.bitcast(data.data, ir.IntType(8).as_pointer()), [offset])
        store = builder.store(
            builder.bitcast(arguments[3], bits), builder.bitcast(place, bits.as_pointer())
        )
        mark = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
        store.set_metadata("nontemporal", mark)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, array.dtype), generate


def empty_grid(shape: tuple[int, int], dtype: Any) -> NDArray[Any]:
    """A new grid, not initialised, that begins where a cache line does."""
    size = np.dtype(dtype).itemsize
    cells = shape[0] * shape[1]
    flat = np.empty(cells + LINE // size, dtype)
    first = -flat.ctypes.data % LINE // size
    return flat[first : first + cells].reshape(shape)
