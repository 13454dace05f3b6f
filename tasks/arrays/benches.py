"""Where kernels run: on the CPU as compiled, or on a GPU from the same source.

A kernel walks over rows and, inside, over lanes from `first_lane` to `end_lane`. On the CPU that is
all lanes; compiled for CUDA, the two are replaced so that each thread walks over its own lane.
`NUMBA_ENABLE_CUDASIM=1` runs the CUDA side in numba's simulator, without a GPU.
"""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import compiling

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

THREADS = 64


class Bench:
    """The CPU: numpy arrays, kernels called as they are."""

    kind = "cpu"

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> Any:
        """A new array on the device, not initialised."""
        return np.empty(shape, dtype)

    def call(self, kernel: Any, lanes: int, *arguments: Any) -> None:  # noqa: ARG002 -- for CUDA
        """Run a kernel over its lanes."""
        kernel(*arguments)

    def enter(self, array: NDArray[Any]) -> Any:
        """An array of this machine's memory on the device."""
        return array

    def leave(self, array: Any) -> NDArray[Any]:
        """An array of the device in this machine's memory."""
        return array  # type: ignore[no-any-return]


class CudaBench(Bench):
    """A GPU: cupy arrays, kernels compiled by numba-cuda, one thread per lane."""

    kind = "gpu"

    def __init__(self) -> None:
        self.library = _array_library()

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> Any:
        """A new array on the GPU, not initialised."""
        return self.library.empty(shape, dtype)

    def call(self, kernel: Any, lanes: int, *arguments: Any) -> None:
        """Run a kernel's CUDA twin, one thread per lane."""
        if lanes:
            threads = min(lanes, THREADS)
            cuda_twin(kernel)[(lanes + threads - 1) // threads, threads](*arguments)

    def enter(self, array: NDArray[Any]) -> Any:
        """Copy to the GPU."""
        return self.library.asarray(array)

    def leave(self, array: Any) -> NDArray[Any]:
        """Copy from the GPU."""
        return array if isinstance(array, np.ndarray) else array.get()


CPU = Bench()


@functools.cache
def gpu() -> CudaBench:
    """The GPU's bench."""
    return CudaBench()


@functools.cache
def cuda_twin(kernel: Any) -> Any:
    """A kernel compiled for CUDA from the same Python source."""
    from numba import cuda

    return cuda.jit(_with_twins(kernel.py_func))


def simulated() -> bool:
    """Whether numba's simulator stands in for a GPU."""
    from numba import config

    return bool(config.ENABLE_CUDASIM)


def _array_library() -> Any:
    if simulated():
        return np
    import cupy

    return cupy


def _with_twins(function: types.FunctionType) -> types.FunctionType:
    """The function with every compiled function that it calls replaced by its CUDA twin."""
    names = dict(function.__globals__)
    for name in function.__code__.co_names:
        if name in names and hasattr(names[name], "py_func"):
            names[name] = _device_function(names[name])
    return types.FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )


@functools.cache
def _device_function(compiled: Any) -> Any:
    from numba import cuda

    from tasks.arrays import cudalanes

    if compiled is compiling.first_lane:
        return cudalanes.own_lane
    if compiled is compiling.end_lane:
        return cudalanes.after_own_lane
    return cuda.jit(device=True)(_with_twins(compiled.py_func))
