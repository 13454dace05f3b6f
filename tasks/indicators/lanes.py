"""Tiles of symbols compacted to trading days: where technical indicators are computed.

A technical indicator counts trading days, so a suspended day (NaN in any input) is skipped: each
column is computed as if only its trading days existed, and the result is scattered back, NaN on
the days skipped. Up to `BLOCK` symbols lie side by side as lanes of one tile that stays in cache;
lanes never meet, so neither the block's size nor its borders change a bit.

A tile's arrays have T + 1 rows: each lane's trading days first, then NaN. The last row is void:
days without trading read from it and write to it.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

import numpy as np

from tasks.arrays.benches import CPU, Bench
from tasks.arrays.kinds import in_kind, to_numpy
from tasks.errors import UserError
from tasks.indicators.kernels import layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

P = ParamSpec("P")
R = TypeVar("R")

BLOCK = 64
LONGEST_PERIOD = 100_000


@dataclasses.dataclass(frozen=True)
class Tile:
    """The bench for one tile: it makes arrays of the tile's shape and runs kernels on them."""

    rows: int
    lanes: int
    bench: Bench = CPU

    def new(self) -> Array:
        """An array of the tile's shape, not initialised."""
        return self.scratch(self.rows)

    def scratch(self, rows: int) -> Array:
        """An array of some rows of one value per lane, not initialised."""
        return self.bench.empty((rows, self.lanes))  # type: ignore[no-any-return]

    def run(self, kernel: Any, *arguments: Any, state: int = 1) -> Array:
        """One result of `kernel(*arguments, out, state)`; `state` counts its rows of scratch."""
        out = self.new()
        self.bench.call(kernel, self.lanes, *arguments, out, self.scratch(state))
        return out

    def run_many(self, outputs: int, kernel: Any, *arguments: Any, state: int = 1) -> list[Array]:
        """Several results of one kernel, which takes them before its scratch."""
        outs = [self.new() for _ in range(outputs)]
        self.bench.call(kernel, self.lanes, *arguments, *outs, self.scratch(state))
        return outs


class Indicator(Generic[P, R]):
    """A formula on compacted tiles, callable on whole series and panels of any array kind.

    Call it with series (T,) or grids (T dates x N symbols): float64 comes back in kind and shape,
    NaN on suspended days and during the warm-up. `on_tile` is the formula itself.
    """

    def __init__(
        self, formula: Callable[Concatenate[Tile, P], R], minima: Mapping[str, int]
    ) -> None:
        update_wrapper(self, formula)
        self.on_tile = formula
        signature = inspect.signature(formula)
        parameters = list(signature.parameters.values())[1:]
        self.__signature__ = signature.replace(parameters=parameters)
        self.inputs = tuple(p.name for p in parameters if p.annotation == "Array")
        self.defaults = {p.name: p.default for p in parameters if p.name not in self.inputs}
        self.minima = dict(minima)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute on whole series or grids; see the class."""
        bound = self.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        given = {name: bound.arguments.pop(name) for name in self.inputs}
        self._check(bound.arguments)
        grids, leave = _enter(self.__name__, given)
        results = on_tiles(grids, partial(_call, self.on_tile, dict(bound.arguments)))
        backs = [leave(result) for result in results]
        return backs[0] if len(backs) == 1 else tuple(backs)  # type: ignore[return-value]

    __name__: str

    def __repr__(self) -> str:
        return f"<indicator {self.__name__}{self.__signature__}>"

    def __reduce__(self) -> str:
        return self.__name__  # found again by its name in its module

    def _check(self, parameters: Mapping[str, Any]) -> None:
        for name, default in self.defaults.items():
            value = parameters[name]
            if not isinstance(default, int):
                continue
            least = self.minima.get(name, 1)
            if not isinstance(value, (int, np.integer)) or not least <= value <= LONGEST_PERIOD:
                raise UserError(
                    f"{self.__name__}: {name} is {value!r}, it must be a whole number from {least} "
                    f"to {LONGEST_PERIOD}: choose such a number of trading days"
                )


def indicator(
    **minima: int,
) -> Callable[[Callable[Concatenate[Tile, P], R]], Indicator[P, R]]:
    """Make a public indicator of a formula on tiles; `minima` are least periods other than 1."""

    def decorate(formula: Callable[Concatenate[Tile, P], R]) -> Indicator[P, R]:
        return Indicator(formula, minima)

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
    rows, symbols = grids[0].shape
    size = BLOCK if block is None else block
    outs: list[NDArray[Any]] = []
    for low in range(0, max(symbols, 1), size):
        high = min(low + size, symbols)
        place, series = _compact(grids, low, high)
        tile = Tile(rows + 1, high - low, bench)
        series = [bench.enter(lanes) for lanes in series]
        with np.errstate(all="ignore"):  # rows below a lane's last day hold no numbers
            for number, lanes in bench.leave_each(enumerate(_each(compute(tile, *series)))):
                if number == len(outs):
                    outs.append(np.empty((rows, symbols), dtype))
                lanes[-1] = np.nan
                layout.scatter(lanes.reshape(-1), place, low, finite, outs[number])
    return outs


def _call(formula: Any, parameters: Mapping[str, Any], tile: Tile, *series: Array) -> Any:
    return formula(tile, *series, **parameters)


def _each(results: Any) -> Iterable[Array]:
    return results if isinstance(results, (Iterator, tuple, list)) else [results]


def _compact(grids: Sequence[Array], low: int, high: int) -> tuple[NDArray[np.int32], list[Array]]:
    """Where each cell of the tile lies in the compacted lanes, and the compacted series."""
    rows = grids[0].shape[0]
    trading = np.ones((rows, high - low), dtype=np.bool_)
    tiles = [np.empty(trading.shape) for _ in grids]
    for grid, tile in zip(grids, tiles, strict=True):
        layout.load_trading(grid, low, tile, trading)
    place = np.empty(trading.shape, dtype=np.int32)
    counts = np.zeros(high - low, dtype=np.int64)
    layout.number_days(trading, counts, place)
    series = []
    for tile in tiles:
        lanes = np.empty((rows + 1, high - low))
        layout.compact(tile, place, counts, lanes)
        series.append(lanes)
    return place, series


def _enter(name: str, given: Mapping[str, Any]) -> tuple[list[Array], Callable[[Array], Any]]:
    """Grids (T, N) of all inputs, and the way back to the first one's kind and shape."""
    arrays = {key: to_numpy(value, f"{name}: {key}") for key, value in given.items()}
    shapes = {key: array.shape for key, array in arrays.items()}
    template = next(iter(given.values()))
    shape = next(iter(shapes.values()))
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{key} {value}" for key, value in shapes.items())
        raise UserError(f"{name}: the inputs differ in shape ({listed}): give them one grid")
    grid = shape if len(shape) == 2 else (shape[0], 1)
    grids = [np.ascontiguousarray(a.reshape(grid)) for a in arrays.values()]
    return grids, lambda result: in_kind(result.reshape(shape), template)
