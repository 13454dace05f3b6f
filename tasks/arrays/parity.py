"""Whether a GPU computes what the CPU does: kernel by kernel, in units of the last place.

A case is one call of a kernel as it happened on the CPU: its arguments before and after. Cases are
written down by running formulas on a `Recorder` with harsh inputs; the device repeats the call, and
what it wrote is compared. One unit in the last place (ULP) is the distance between neighbouring
floating-point numbers.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.benches import Bench, Each, count_items
from tasks.arrays.deferred import SCRATCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: a kernel serves if it differs from the CPU by no more. Units are those of the lane's largest
#: number: where sums cancel to nearly nothing, the digits that are left are no measure of anything.
#: With products rounded as on the CPU most kernels differ by nothing at all; logarithms and powers
#: by one or two units, which a recursion can add up.
BOUND = 64.0
#: rows of the inputs: more than the longest default window, few enough for the simulator
ROWS, LANES = 48, 5


@dataclasses.dataclass(frozen=True)
class Case:
    """One call of a kernel on the CPU.

    Attributes:
        kernel: what was called.
        lanes: lanes of the call.
        before: its arguments; arrays are copies.
        after: copies of the arrays after the call, by the argument's place; scratch is left out.
    """

    kernel: Any
    lanes: int
    before: tuple[Any, ...]
    after: Mapping[int, NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Finding:
    """How far a device is from the CPU in one kernel.

    Attributes:
        kernel: module and name, such as `averages.ema`.
        ulps: largest distance over all cases in units of the lane's largest number; infinite where
            NaN, infinity or a whole number differ.
        cases: calls that were compared.
    """

    kernel: str
    ulps: float
    cases: int

    @property
    def serves(self) -> bool:
        """Whether the device may run the kernel."""
        return self.ulps <= BOUND


class Recorder(Bench):
    """The CPU, writing down calls: the first of each kernel and kind of arguments.

    Attributes:
        cases: kernel to its cases.
    """

    def __init__(self, most: int = 3) -> None:
        self.most = most
        self.cases: dict[Any, list[Case]] = {}

    def call(self, kernel: Any, lanes: int, *arguments: Any) -> None:
        """Run a kernel and keep what it was given and what it wrote."""
        before = tuple(_copy(a) for a in arguments)
        super().call(kernel, lanes, *arguments)
        cases = self.cases.setdefault(kernel, [])
        if len(cases) >= self.most or any(_numbers(c.before) == _numbers(before) for c in cases):
            return
        names = kernel.py_func.__code__.co_varnames
        values = [a.values if isinstance(a, Each) else a for a in arguments]
        after = {
            place: value.copy()
            for place, value in enumerate(values)
            if isinstance(value, np.ndarray) and names[place] != SCRATCH
        }
        cases.append(Case(kernel, lanes, before, after))


def compare(case: Case, bench: Bench) -> float:
    """Distance of a device's results from the case's, see `Finding.ulps`."""
    entered = [
        Each(bench.enter(a.values.copy()))
        if isinstance(a, Each)
        else (bench.enter(a.copy()) if isinstance(a, np.ndarray) else a)
        for a in case.before
    ]
    bench.call(case.kernel, case.lanes, *entered)
    worst = 0.0
    for place, wanted in case.after.items():
        argument = entered[place]
        found = bench.leave(argument.values if isinstance(argument, Each) else argument)
        worst = max(worst, distance(wanted, found))
    return worst


def examine(cases: Iterable[Case], bench: Bench) -> Finding:
    """What a device makes of all cases of one kernel."""
    listed = list(cases)
    worst = max((compare(case, bench) for case in listed), default=0.0)
    return Finding(name_of(listed[0].kernel), worst, len(listed))


def name_of(kernel: Any) -> str:
    """A kernel's name with the last part of its module's: `averages.ema`."""
    return f"{kernel.py_func.__module__.rpartition('.')[2]}.{kernel.py_func.__name__}"


def distance(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    """Largest distance of two arrays in ULPs of each lane's (last axis) largest finite number.

    Infinite where one is NaN or infinite and the other is not the same, or whole numbers differ.
    """
    if wanted.dtype.kind != "f":
        return 0.0 if np.array_equal(wanted, found) else np.inf
    finite = np.isfinite(wanted)
    if not np.array_equal(wanted[~finite], found[~finite], equal_nan=True):
        return np.inf
    if not np.isfinite(found[finite]).all():
        return np.inf
    gap = np.abs(np.where(finite, wanted, 0.0) - np.where(finite, found, 0.0))
    if not gap.any():
        return 0.0
    size = np.maximum(np.abs(np.where(finite, wanted, 0.0)), np.abs(np.where(finite, found, 0.0)))
    if size.ndim > 1:
        size = np.broadcast_to(size.max(axis=-2, keepdims=True), size.shape)
    return float((gap / np.spacing(np.maximum(size, np.finfo(float).tiny))).max())


def lane_kernels(package: str) -> list[Any]:
    """Every kernel in the loaded modules of a package that a GPU can run lane by lane."""
    found = {}
    for name, module in sorted(sys.modules.items()):
        if name == package or name.startswith(f"{package}."):
            for value in vars(module).values():
                code = getattr(getattr(value, "py_func", None), "__code__", None)
                if code is not None and "first_lane" in code.co_names:
                    found[name_of(value)] = value
    return list(found.values())


def inputs(seed: int = 0, rows: int = ROWS, lanes: int = LANES) -> dict[str, Array]:
    """Bars (rows, lanes) that are hard on kernels, by field.

    Lanes in turn: a random walk, one with gaps, one with a late listing, a price that never moves,
    and numbers of every size from 1e-8 to 1e12 with jumps between them.
    """
    rng = np.random.default_rng(seed)
    close = 20.0 * np.exp(np.cumsum(rng.normal(0.0, 0.03, (rows, lanes)), axis=0))
    kinds = np.arange(lanes) % 5
    close[:, kinds == 3] = 7.25
    close[:, kinds == 4] = 10.0 ** rng.integers(-8, 13, (rows, int((kinds == 4).sum())))
    close[rows // 3 : rows // 3 + 3, kinds == 1] = np.nan
    close[rng.random(close.shape) < 0.1 * (kinds == 1)] = np.nan
    close[: rows // 5, kinds == 2] = np.nan
    wide = np.abs(rng.normal(0.0, 0.01, close.shape)) * (kinds != 3)
    volume = np.where(np.isnan(close), 0.0, rng.lognormal(10.0, 2.0, close.shape))
    fields = {"open": close * (1.0 - wide / 2), "high": close * (1.0 + wide)}
    return fields | {"low": close * (1.0 - wide), "close": close, "volume": volume}


def findings(cases: Mapping[Any, Iterable[Case]], bench: Callable[[], Bench]) -> list[Finding]:
    """What a device makes of every kernel, the worst one first."""
    found = [examine(listed, bench()) for listed in cases.values()]
    return sorted(found, key=lambda f: (-f.ulps, f.kernel))


def _copy(argument: Any) -> Any:
    if isinstance(argument, Each):
        return Each(np.array(argument.values, copy=True))
    return argument.copy() if isinstance(argument, np.ndarray) else argument


def _numbers(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a call was asked for, leaving out the arrays' content."""
    return tuple(
        count_items([a]) if isinstance(a, Each) else getattr(a, "shape", a) for a in arguments
    )
