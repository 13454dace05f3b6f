"""Stores that pass the cache by: for results that are written once and not read soon.

An ordinary store first reads the line it writes to, and pushes out of the cache what a tile still
needs. Rows of a grid wider than a tile are written a few hundred bytes at a time, where that costs
two thirds of the time. CPU only; where a processor has no such stores, these are ordinary ones.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tasks.arrays.compiling import CACHE_FOLDER  # noqa: F401 -- counts this file as one of kernels


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
