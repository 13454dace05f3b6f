"""Ask the processor for memory ahead of its use: for kernels that walk over short pieces of rows.

A tile is a narrow stripe of a wide grid. The processor foresees neighbours in memory, not the next
row's piece thousands of bytes away, so that every row would wait for the main memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from tasks.arrays import compiling

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: rows ahead: about the time of one access to the main memory
AHEAD = 8
#: bytes that the processor fetches at once
LINE = 64


@intrinsic  # type: ignore[untyped-decorator]
def _request(_: Any, array: Any, row: Any, column: Any) -> Any:
    """LLVM's prefetch of one element for reading; it changes no value."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        data = make_array(kind)(context, builder, arguments[0])
        place = cgutils.get_item_pointer(context, builder, kind, data, list(arguments[1:]))
        pointer = builder.bitcast(place, ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        form = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], form)
        builder.call(ask, [pointer, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, row, column), generate


@compiling.kernel
def fetch(grid: NDArray[Any], row: int, low: int, lanes: int) -> None:
    """Ask for the piece of a grid's row, `AHEAD` rows on, that a tile will need."""
    if row + AHEAD < grid.shape[0]:
        for column in range(low, low + lanes, LINE // grid.itemsize):
            _request(grid, row + AHEAD, column)
        _request(grid, row + AHEAD, low + lanes - 1)
