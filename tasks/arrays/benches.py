"""Where kernels run: on the CPU as compiled, or on a GPU from the same source.

A kernel walks over rows and, inside, over lanes from `first_lane` to `end_lane`. On the CPU that is
all lanes; compiled for CUDA (`twins`), each thread walks over its own lane. A call may have many
work items: the same kernel with other arguments, marked by `Each`. The CPU takes them in turn, a
GPU has one thread for each lane of each item, in one launch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

Name = TypeVar("Name")


@dataclasses.dataclass(frozen=True)
class Each:
    """An argument with one value per work item, along the array's first axis."""

    values: Any


class Bench:
    """The CPU: numpy arrays, kernels called as they are."""

    kind = "cpu"

    def width(self, rows: int, lanes: int, usual: int) -> int:  # noqa: ARG002 -- for CUDA
        """How many lanes to compute side by side; on the CPU as many as stay in cache."""
        return usual

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> Any:
        """A new array on the device, not initialised."""
        return np.empty(shape, dtype)

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> Any:
        """A new array of zeros on the device."""
        return np.zeros(shape, dtype)

    def call(self, kernel: Any, lanes: int, *arguments: Any) -> None:  # noqa: ARG002 -- for CUDA
        """Run a kernel over its lanes, in turn for every work item."""
        for item in range(count_items(arguments)):
            kernel(*(a.values[item] if isinstance(a, Each) else a for a in arguments))

    def made(self, kernel: Any, shape: tuple[int, ...], dtype: DTypeLike, *arguments: Any) -> Any:
        """What a kernel, lane by lane of the first axis, writes to a new array, its last argument.

        Arrays of this machine's memory are copied to the device.
        """
        out = self.empty(shape, dtype)
        entered = [self.enter(a) if isinstance(a, np.ndarray) else a for a in arguments]
        self.call(kernel, shape[0], *entered, out)
        return out

    def stack(self, arrays: Sequence[Any]) -> Any:
        """Arrays of the device side by side along a new first axis."""
        return np.stack(arrays)

    def enter(self, array: NDArray[Any]) -> Any:
        """An array of this machine's memory on the device."""
        return array

    def leave(self, array: Any) -> NDArray[Any]:
        """An array of the device in this machine's memory."""
        return array  # type: ignore[no-any-return]

    def leave_each(self, named: Iterable[tuple[Name, Any]]) -> Iterator[tuple[Name, NDArray[Any]]]:
        """Named arrays in this machine's memory: here as they come, from a GPU all at once."""
        for name, array in named:
            yield name, self.leave(array)


def count_items(arguments: Iterable[Any]) -> int:
    """Work items of a call: the length of its `Each` arguments, one without any."""
    return max((len(a.values) for a in arguments if isinstance(a, Each)), default=1)


CPU = Bench()
