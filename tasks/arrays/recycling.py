"""Memory of large results, used again once nobody holds them any more.

Fresh memory is cleared by the system page by page before a program may write to it, which takes
longer than to compute most of what is then written: on a virtual machine up to half of a run. A
result that nobody holds any more gives its memory back to a shelf, for the next result of its size.
"""

from __future__ import annotations

import math
import mmap
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: bytes from which memory comes from the system, in large pages; less is left to numpy
LEAST = 1 << 20
#: bytes of a large page
PAGE = 1 << 21
#: bytes of a cache line
LINE = 64


class Shelf:
    """Memory that nobody uses, by size. Threads may share it.

    Args:
        most: bytes that it keeps; more is given back to the system at once.
    """

    def __init__(self, most: int) -> None:
        self.most, self.kept = most, 0
        self._free: dict[int, list[mmap.mmap]] = {}
        # a result may be freed while its thread is in here, by a collection of garbage
        self._lock = threading.RLock()

    def empty(self, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """A new array, C-contiguous and not initialised, that begins where a cache line does."""
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        if size < LEAST:
            flat = np.empty(size + LINE, np.uint8)
            first = -flat.ctypes.data % LINE
            small: NDArray[Any] = flat[first : first + size].view(kind).reshape(shape)
            return small
        memory = self._take(-(-size // PAGE) * PAGE)
        lent = np.frombuffer(memory, np.uint8, size)  # all that is made of it keeps it alive
        weakref.finalize(lent, self._give, memory).atexit = False
        large: NDArray[Any] = lent.view(kind).reshape(shape)
        return large

    def _take(self, size: int) -> mmap.mmap:
        with self._lock:
            free = self._free.get(size)
            if free:
                self.kept -= size
                return free.pop()
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        _advise(memory, "MADV_HUGEPAGE")
        return memory

    def _give(self, memory: mmap.mmap) -> None:
        with self._lock:
            if self.kept + len(memory) <= self.most:
                self.kept += len(memory)
                self._free.setdefault(len(memory), []).append(memory)


def kept_bytes() -> int:
    """Memory of results that a process keeps for its next ones: `QILIN_KEPT_MB`, 512 by default.

    More suits a notebook that computes grids of the whole market again and again; a worker that
    also trains models is better off with little.
    """
    value = os.environ.get("QILIN_KEPT_MB", "") or "512"
    if not value.isdecimal():
        raise UserError(
            f"QILIN_KEPT_MB is {value!r}, it must be a whole number of megabytes: set such a "
            "number, or none for 512"
        )
    return int(value) << 20


def _advise(memory: mmap.mmap, what: str) -> None:
    """Advise the system, where it knows this advice."""
    if hasattr(mmap, what):
        memory.madvise(getattr(mmap, what))


SHELF = Shelf(kept_bytes())


def empty(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """A new array for results, not initialised; see `Shelf.empty`."""
    return SHELF.empty(shape, dtype)
