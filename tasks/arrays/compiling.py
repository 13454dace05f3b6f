"""Compile kernels: one place for numba's options and for its disk cache.

Import this module before anything else imports numba's compiled functions. numba's own cache does
not notice an edit in *another* module that a cached kernel calls, so the cache folder is named by
the hash of every module that holds kernels (every file below `tasks/` that imports this module)
and of numba's version: an edited step function always gives the new number.
"""

import functools
import hashlib
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tasks import settings

_MARK = "tasks.arrays.compiling"


@functools.cache
def kernel_sources_hash() -> str:
    """First 16 hex digits over all kernel sources and numba's version."""
    digest = hashlib.sha256(version("numba").encode())
    root = Path(__file__).resolve().parent.parent
    for path in sorted(root.rglob("*.py")):
        source = path.read_bytes()
        if _MARK.encode() in source:
            digest.update(str(path.relative_to(root)).encode() + b"\0" + source)
    return digest.hexdigest()[:16]


def _use_cache_folder() -> Path:
    folder = settings.local_home() / "cache" / "numba" / kernel_sources_hash()
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    import numba

    numba.config.CACHE_DIR = str(folder)
    return folder


CACHE_FOLDER = _use_cache_folder()


#: of all compiled functions; nobody calls them as C functions, and the wrapper for that would take
#: a tenth of the time to compile
_OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a whole kernel: strict IEEE, no GIL, one thread, cached on disk.

    Threads are never used inside a kernel: blocks are the parallelism, and results may not depend
    on a thread count.
    """
    import numba

    return numba.njit(**_OPTIONS, boundscheck=False)(function)


def lane_kernel(function: Callable[..., Any]) -> Any:
    """As `kernel`, for one whose results and scratch share no memory with each other or an input.

    The compiler is told so: otherwise it compares all addresses again for every row before it dares
    to compute several lanes at once, which takes a fifth of the time.
    """
    made = kernel(function)

    def told(flags: Any) -> Any:
        flags.noalias = True
        return flags

    made._compiler._customize_flags = told  # numba has this flag, but no option that sets it
    return made


def step(function: Callable[..., Any]) -> Any:
    """Compile a scalar step function that kernels call for each lane; numba-cuda takes it too."""
    import numba

    return numba.njit(**_OPTIONS, inline="never")(function)


@step
def first_lane(lanes: int) -> int:  # noqa: ARG001 -- the CUDA twin of this step needs it
    """First lane that a kernel call works on: on the CPU one call works on all lanes.

    Compiled for a GPU, `first_lane` and `end_lane` are replaced by the thread's own lane, so that
    one kernel source serves both.
    """
    return 0


@step
def end_lane(lanes: int) -> int:
    """One past the last lane that a kernel call works on."""
    return lanes
