"""The CUDA twins of kernels: the same Python source, compiled by numba-cuda.

`first_lane` and `end_lane` are replaced so that each thread walks over its own lane; the second
axis of the launch grid counts work items. Arithmetic stays as strict as on the CPU: a product is
rounded before it is added to, so that both give the same bits wherever they use `+ - * / sqrt`.
`NUMBA_ENABLE_CUDASIM=1` runs this side in numba's simulator, without a GPU.
"""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from tasks.arrays import compiling

THREADS = 64


def simulated() -> bool:
    """Whether numba's simulator stands in for a GPU."""
    from numba import config

    return bool(config.ENABLE_CUDASIM)


def launch(kernel: Any, lanes: int, items: int, arguments: tuple[Any, ...], each: tuple[bool, ...],
           stream: Any = 0) -> None:  # fmt: skip
    """Run a kernel's twin: one thread per lane and item.

    Args:
        kernel: as made by `compiling.kernel`.
        lanes: lanes of every item.
        items: work items.
        arguments: device arrays and numbers.
        each: whether the argument has one value per item, along its first axis.
        stream: of numba; the default stream if not given.
    """
    if lanes and items:
        threads = min(lanes, THREADS)
        grid = (lanes + threads - 1) // threads, items
        twin(kernel, each)[grid, threads, stream](tuple(map(_numba_array, arguments)))


@functools.cache
def twin(kernel: Any, each: tuple[bool, ...]) -> Any:
    """A kernel compiled for CUDA; it takes its arguments as one tuple."""
    return _cuda().jit(entry(kernel, each))


def entry(kernel: Any, each: tuple[bool, ...]) -> Callable[[Any], None]:
    """The function that every thread enters: it picks its item's arguments and runs the kernel."""
    cuda, body = _cuda(), _device_function(kernel)
    from tasks.arrays.cudalanes import own_item

    def picked(item: int, *arguments: Any) -> None:  # noqa: ARG001 -- one signature for all
        body(*arguments)

    start = functools.reduce(_pick, reversed(each), cuda.jit(device=True)(picked))

    def enter(arguments: Any) -> None:
        start(own_item(), *arguments)

    return enter


def _pick(after: Any, varies: bool) -> Any:
    """Choose the first argument's value for the item, put it last, and go on to the next one."""
    if varies:

        def pick(item: int, first: Any, *rest: Any) -> None:
            after(item, *(rest + (first[item],)))  # noqa: RUF005 -- numba knows sums of tuples
    else:

        def pick(item: int, first: Any, *rest: Any) -> None:
            after(item, *(rest + (first,)))  # noqa: RUF005 -- likewise

    return _cuda().jit(device=True)(pick)


@functools.cache
def _cuda() -> Any:
    """numba-cuda, told to round products before sums; its own default is to contract them."""
    from numba import cuda

    if not simulated():
        from numba.cuda.cudadrv import nvvm

        nvvm.compile_ir = functools.partial(nvvm.compile_ir, fma=False)
    return cuda


def _numba_array(value: Any) -> Any:
    """A cupy array as numba knows it; no copy, no waiting: both work on the default stream."""
    if hasattr(value, "__cuda_array_interface__") and not simulated():
        return _cuda().as_cuda_array(value, sync=False)
    return value


def _with_twins(function: types.FunctionType) -> types.FunctionType:
    """The function with every compiled function that it calls replaced by its CUDA twin."""
    names = dict(function.__globals__)
    if names.get("np") is np and not simulated():
        names["np"] = _numpy_for_cuda()
    for name in function.__code__.co_names:
        if name in names and hasattr(names[name], "py_func"):
            names[name] = _device_function(names[name])
    return types.FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )


@functools.cache
def _numpy_for_cuda() -> types.ModuleType:
    """Give numpy, its functions of one number that numba-cuda lacks replaced by those it has."""
    from numba.cuda import libdevice

    module = types.ModuleType("numpy_for_cuda")
    vars(module).update(vars(np) | {n: getattr(math, n) for n in ("isfinite", "isnan", "sqrt")})
    vars(module)["rint"] = libdevice.rint
    return module


@functools.cache
def _device_function(compiled: Any) -> Any:
    cuda = _cuda()
    from tasks.arrays import cudalanes

    if compiled is compiling.first_lane:
        return cudalanes.own_lane
    if compiled is compiling.end_lane:
        return cudalanes.after_own_lane
    return cuda.jit(device=True)(_with_twins(compiled.py_func))
