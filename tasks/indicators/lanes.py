"""Tiles of symbols on trading days: where technical indicators are computed.

Up to `BLOCK` symbols lie side by side as lanes of one tile that stays in cache; lanes never meet,
so neither the block's size nor its borders change a bit.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

import numpy as np

from tasks.arrays import recycling
from tasks.arrays.benches import CPU, Bench
from tasks.arrays.together import together
from tasks.errors import UserError
from tasks.indicators.kernels import blend
from tasks.indicators.memory import Memory
from tasks.indicators.script import Script
from tasks.indicators.trading import Days, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

P = ParamSpec("P")
R = TypeVar("R")

#: symbols side by side: an input and a result of ten years stay in a processor's own cache
BLOCK = 32
LONGEST_PERIOD = 100_000


@dataclasses.dataclass(frozen=True)
class Tile:
    """The bench for one tile: it makes arrays of the tile's shape and runs kernels on them.

    With a memory, results are shared and arrays used again (see `memory`): then whoever gets an
    array must not change it.
    """

    rows: int
    lanes: int
    bench: Bench = CPU
    memory: Memory | None = None

    def new(self) -> Array:
        """An array of the tile's shape, not initialised."""
        return self.memory.new() if self.memory else self.bench.empty((self.rows, self.lanes))

    def scratch(self, rows: int) -> Array:
        """An array of some rows of one value per lane, not initialised."""
        return self.memory.scratch(rows) if self.memory else self.bench.empty((rows, self.lanes))

    def run(self, kernel: Any, *arguments: Any, state: int = 1) -> Array:
        """One result of `kernel(*arguments, out, state)`; `state` counts its rows of scratch."""
        return self.run_many(1, kernel, *arguments, state=state)[0]

    def run_many(self, outputs: int, kernel: Any, *arguments: Any, state: int = 1) -> list[Array]:
        """Several results of one kernel, which takes them before its scratch."""
        key = self.memory.key(kernel, arguments) if self.memory else None
        known = self.memory.recall(key) if self.memory else None
        if known is not None:
            return known
        outs = [self.new() for _ in range(outputs)]
        self.bench.call(kernel, self.lanes, *arguments, *outs, self.scratch(state))
        if self.memory:
            self.memory.keep(key, outs)
        return outs

    def blend(self, x: Array, a: float, y: Array, b: float, start: int = 0) -> Array:
        """Sum a * x + b * y from row `start`, NaN before."""
        return self.run(blend.blend, x, a, y, b, start)

    def only_with(self, x: Array, other: Array) -> Array:
        """Values of x where the other is known."""
        return self.run(blend.blend, x, 1.0, other, 0.0, 0)

    def quotient(
        self, x: Array, y: Array, times: float = 1.0, empty: float = np.nan, tiny: float = 0.0
    ) -> Array:
        """Quotient of x and y, `times` a number; `empty` where |y| <= `tiny`."""
        return self.run(blend.quotient, x, y, times, empty, tiny)


class Indicator(Generic[P, R]):
    """A formula on compacted tiles, callable on whole series and panels of any array kind.

    Call it with series (T,) or grids (T dates x N symbols): float64 comes back in kind and shape,
    NaN on suspended days and during the warm-up. `on_tile` is the formula itself: which kernels it
    runs depends on its parameters alone, never on numbers in its series.

    Attributes:
        inputs: names of the series it takes.
        defaults: its parameters and their defaults.
        outputs: names of its results, none if there is one only.
    """

    def __init__(
        self,
        formula: Callable[Concatenate[Tile, P], R],
        outputs: tuple[str, ...],
        minima: Mapping[str, int],
    ) -> None:
        update_wrapper(self, formula)
        self.on_tile = formula
        signature = inspect.signature(formula)
        parameters = list(signature.parameters.values())[1:]
        self.__signature__ = signature.replace(parameters=parameters)
        self.inputs = tuple(p.name for p in parameters if p.annotation == "Array")
        self.defaults = {p.name: p.default for p in parameters if p.name not in self.inputs}
        self.outputs = outputs
        self.minima = dict(minima)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute on whole series or grids; see the class."""
        bound = self.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        given = {name: bound.arguments.pop(name) for name in self.inputs}
        self.check(bound.arguments)
        grids, leave = together(given, f"{self.__name__}: ")
        compute = partial(_call, self.on_tile, dict(bound.arguments))
        results = on_tiles(list(grids.values()), compute)
        backs = [leave(result) for result in results]
        return backs[0] if len(backs) == 1 else tuple(backs)  # type: ignore[return-value]

    __name__: str

    def __repr__(self) -> str:
        return f"<indicator {self.__name__}{self.__signature__}>"

    def __reduce__(self) -> str:
        return self.__name__  # found again by its name in its module

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Refuse periods that are no whole numbers from the least on, and what is no number."""
        for name, default in self.defaults.items():
            if isinstance(default, int):
                self._check_period(name, parameters[name])
            else:
                self._check_number(name, parameters[name])

    def _check_period(self, name: str, value: Any) -> None:
        least = self.minima.get(name, 1)
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or not least <= value <= LONGEST_PERIOD:
            raise UserError(
                f"{self.__name__}: {name} is {value!r}, it must be a whole number from {least} "
                f"to {LONGEST_PERIOD}: choose such a number of trading days"
            )

    def _check_number(self, name: str, value: Any) -> None:
        real = isinstance(value, (int, float, np.integer, np.floating))
        if not real or isinstance(value, bool) or not np.isfinite(value):
            raise UserError(
                f"{self.__name__}: {name} is {value!r}, it must be a finite number: give one such "
                f"as {self.defaults[name]}"
            )


def indicator(
    *outputs: str, **minima: int
) -> Callable[[Callable[Concatenate[Tile, P], R]], Indicator[P, R]]:
    """Make a public indicator of a formula on tiles.

    `outputs` name its results if there are several; `minima` are least periods other than 1.
    """

    def decorate(formula: Callable[Concatenate[Tile, P], R]) -> Indicator[P, R]:
        return Indicator(formula, outputs, minima)

    return decorate


def on_tiles(
    grids: Sequence[Array],
    compute: Callable[..., Array | Iterable[Array]],
    block: int | None = None,
    dtype: type[np.floating[Any]] = np.float64,
    finite: bool = False,
    bench: Bench = CPU,
) -> list[NDArray[Any]]:
    """Compact the grids (T, N) tile by tile, compute, and scatter the results back to (T, N).

    `compute(tile, *series)` gives one array or several; several may come from a generator, which
    keeps each in cache until it is scattered. With `finite`, infinite results become NaN.
    """
    named = {str(number): grid for number, grid in enumerate(grids)}
    outs: list[NDArray[Any]] = []
    for window, tile in windows(named, block, bench):
        days = window.days(named)
        results = compute(tile, *enter(tile, window, days, named))
        for number, result in bench.leave_each(enumerate(several(results))):
            if number == len(outs):
                outs.append(recycling.empty(grids[0].shape, dtype))
            window.scatter(result, days, outs[number], most(dtype, finite))
    return outs


def windows(
    grids: Mapping[str, Array], block: int | None, bench: Bench
) -> Iterator[tuple[Window, Tile]]:
    """Every window of `block` columns of the grids, and the tile on which to compute it.

    Whoever takes them does the same for each, whatever its numbers. On the CPU that is noted on the
    second one (by then it is known how often each result is used) and done again here for those
    that follow, which are not handed out.
    """
    rows, symbols = next(iter(grids.values())).shape
    size = BLOCK if block is None else block
    script = Script() if bench is CPU else None  # a GPU's own arrays and launches are its own
    memory = Memory(script) if script else None
    host = Memory(script or CPU)
    lanes = min(size, symbols)
    noted: Window | None = None
    for begin in range(0, max(symbols, 1), size):
        low = min(begin, symbols - lanes)  # the last one overlaps: all are of one width
        with np.errstate(all="ignore"):  # rows below a lane's last day hold no numbers
            if script and noted and noted.move(low):
                script.again()
                continue
            host.begin(rows + 1, lanes)
            if script and memory:
                memory.begin(rows + 1, lanes)
                script.begin()
            window = Window(grids, low, lanes, host, script)
            yield window, Tile(rows + 1, lanes, script or bench, memory)
            if script and script.whole and begin and not noted:
                noted = window
                script.close()
    if script:
        script.forget()


def enter(tile: Tile, window: Window, days: Days, names: Iterable[str]) -> list[Array]:
    """The named series of a window on the tile's bench, known to the tile's memory by name."""
    series = []
    for name in names:
        lanes = tile.bench.enter(window.series(name, days))
        if tile.memory:
            tile.memory.name(lanes, name, window.number(days))
        series.append(lanes)
    return series


def most(dtype: Any, finite: bool) -> float:
    """The largest number that results may have."""
    return float(np.finfo(dtype).max) if finite else np.inf


def _call(formula: Any, parameters: Mapping[str, Any], tile: Tile, *series: Array) -> Any:
    return formula(tile, *series, **parameters)


def several(results: Any) -> Iterable[Array]:
    """The results of an indicator, one or several."""
    return results if isinstance(results, (Iterator, tuple, list)) else [results]
