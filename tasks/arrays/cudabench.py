"""A GPU as a bench: arrays stay on it through a whole set of formulas, kernels go out together.

In numba's simulator numpy's arrays stand in for cupy's and launches run one after the other; all
else is the same code.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import twins
from tasks.arrays.benches import Bench, Name
from tasks.arrays.deferred import Deferred, Queue

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

#: launches of one level that run side by side
STREAMS = 16
#: arrays of a tile that may be alive at once, by which a tile's width is chosen: a set of 158
#: factors has its results, as many intermediate ones, and the kernels' scratch
ARRAYS = 512
#: share of the free memory that tiles may fill
SHARE = 0.8
_FLOAT = 8


class CudaBench(Bench):
    """A GPU: one bench for one computation, since it remembers what still has to be done.

    Args:
        proved: called with a kernel before its first launch; raises if the GPU may not run it.
    """

    kind = "gpu"

    def __init__(self, proved: Callable[[Any], None] = lambda _: None) -> None:
        self.library = array_library()
        self.proved = proved
        self.queue = Queue(self.library, twins.launch, _streams(), _wait)

    def width(self, rows: int, lanes: int, usual: int) -> int:  # noqa: ARG002 -- for the CPU
        """All lanes, or as many as leave room for a tile's arrays in the free memory."""
        fitting = int(free_memory() * SHARE) // (ARRAYS * _FLOAT * max(rows, 1))
        return max(1, min(lanes, max(fitting, twins.THREADS)))

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> Any:
        """A new array on the GPU, not initialised."""
        return Deferred(self.queue, shape, dtype=dtype)

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> Any:
        """A new array of zeros on the GPU."""
        return self._settled(self.library.zeros(shape, dtype))

    def call(self, kernel: Any, lanes: int, *arguments: Any) -> None:
        """Note a kernel's call, one thread per lane and work item."""
        self.proved(kernel)
        self.queue.call(kernel, lanes, arguments)

    def stack(self, arrays: Sequence[Any]) -> Any:
        """Arrays of the GPU side by side along a new first axis."""
        found = [a.now() if isinstance(a, Deferred) else a for a in arrays]
        return self._settled(self.library.stack(found))

    def _settled(self, value: Any) -> Deferred:
        return Deferred(self.queue, value.shape, value, value.dtype)

    def enter(self, array: NDArray[Any]) -> Any:
        """Copy to the GPU; cupy goes through pinned memory and does not wait."""
        return self._settled(self.library.asarray(array))

    def leave(self, array: Any) -> NDArray[Any]:
        """Copy from the GPU."""
        return next(self.leave_each([("", array)]))[1]

    def leave_each(self, named: Iterable[tuple[Name, Any]]) -> Iterator[tuple[Name, NDArray[Any]]]:
        """Note all work first, do it once, and copy every result back without waiting for each."""
        pairs = list(named)
        found = [a.now() if isinstance(a, Deferred) else a for _, a in pairs]
        host = [_to_host(array) for array in found]
        _wait()
        return zip([name for name, _ in pairs], host, strict=True)


def free_memory() -> int:
    """Bytes of the GPU's memory that can be had."""
    if twins.simulated():
        return 1 << 30
    import cupy

    unused = cupy.get_default_memory_pool().free_bytes()
    return int(cupy.cuda.runtime.memGetInfo()[0]) + int(unused)


def array_library() -> Any:
    """cupy; numpy in the simulator."""
    if twins.simulated():
        return np
    import cupy

    return cupy


def _to_host(array: Any) -> NDArray[Any]:
    """Start the copy of an array into pinned memory; what is there already is given as it is."""
    if isinstance(array, np.ndarray):
        return array
    import cupyx

    host = cupyx.empty_pinned(array.shape, array.dtype)
    return array.get(out=host, blocking=False)  # type: ignore[no-any-return]


@functools.cache
def _streams() -> tuple[Any, ...]:
    if twins.simulated():
        return (0,)
    from numba import cuda

    return tuple(cuda.stream() for _ in range(STREAMS))


def _wait() -> None:
    if not twins.simulated():
        from numba import cuda

        cuda.synchronize()
