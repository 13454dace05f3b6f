"""What was done for one tile, to be done again for the next ones.

Every tile of a run has the same shape, the same buffers and the same kernels to call, so the Python
between two kernels (which formula, which buffer, what is known already) need not be thought through
again for each tile: that costs as much as a third of the numbers themselves.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.benches import Bench, Each

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


class Script(Bench):
    """The CPU, noting what it runs; `again` runs the same on the same buffers.

    It is whole as long as kernels read and write only arrays that were made here. An array that
    comes from elsewhere, such as numpy's arithmetic in a formula, could not be made again.
    """

    def __init__(self) -> None:
        self._own: weakref.WeakValueDictionary[int, NDArray[Any]] = weakref.WeakValueDictionary()
        self._noted: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._work: list[Callable[[], object]] = []
        self._closed = False
        self.whole = True

    def begin(self) -> None:
        """Note a tile's work from its beginning."""
        if not self._closed:
            self._noted.clear()
            self.whole = True

    def close(self) -> None:
        """Keep the work noted so far and its arrays; what runs from now on is not noted."""
        self._closed = True
        for function, arguments in self._noted:
            found = (self._own[a.number] if isinstance(a, _Own) else a for a in arguments)
            self._work.append(partial(function, *found))

    def again(self) -> None:
        """Do all that was noted once more."""
        for work in self._work:
            work()

    def forget(self) -> None:
        """Hold nothing any more: the work noted holds the grids that it writes to."""
        self._noted.clear()
        self._work.clear()

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> Any:
        """A new array, not initialised; whoever asks keeps it for as long as this script."""
        made = super().empty(shape, dtype)
        self._own[id(made)] = made
        return made

    def call(self, kernel: Any, lanes: int, *arguments: Any) -> None:
        """Run a kernel and note the call."""
        super().call(kernel, lanes, *arguments)
        self.note(kernel, *arguments)

    def note(self, function: Callable[..., object], *arguments: Any) -> None:
        """Note a call that was just made; arrays among its arguments must have been made here."""
        if not self._closed:
            self._noted.append((function, tuple(map(self._named, arguments))))

    def _named(self, argument: Any) -> Any:
        """The argument; in an array's place its number, so that its memory counts as not used."""
        if not isinstance(argument, (np.ndarray, Each)):
            return argument
        self.whole &= self._own.get(id(argument)) is argument
        return _Own(id(argument))


@dataclasses.dataclass(frozen=True)
class _Own:
    """Number of an array made by the script."""

    number: int
