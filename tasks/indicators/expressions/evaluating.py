"""Evaluate expressions on a panel: parsed once, shared parts once, tile by tile in cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import recycling
from tasks.arrays.benches import Bench
from tasks.arrays.devices import Device, choose_device
from tasks.data.panel import PRICE_FIELDS, Panel
from tasks.indicators.expressions import across
from tasks.indicators.expressions.graph import FIELD, Graph
from tasks.indicators.expressions.operators import ALL, FAMILIES
from tasks.indicators.expressions.parser import parse
from tasks.indicators.expressions.planner import Phase, plan, same_windows
from tasks.indicators.expressions.tiles import CalendarTile, Pool, width
from tasks.indicators.gpu import EXPRESSIONS, on_device
from tasks.indicators.kernels import calendar, layout
from tasks.indicators.results import block_of, dtype_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.indicators.lanes import Array
    from tasks.indicators.results import Dtype

TOGETHER = 1 << 26
#: fields that say nothing on a day without trading, as in Qlib's directories
TRADED_ONLY = ("volume", "amount")


def evaluate(
    expressions: Mapping[str, str],
    panel: Panel,
    device: str = "auto",
    *,
    allow_future: bool = False,
    dtype: str = "float64",
    block: int | None = None,
) -> dict[str, NDArray[np.floating[Any]]]:
    """Every expression as a (T, N) grid on the panel's dates and symbols.

    Args:
        expressions: name to text in Qlib's language, see `tasks.indicators.expressions`.
        panel: computed as it is, never adjusted here. Volume and amount count as missing on days
            without a price. `$vwap` is amount over volume where the panel has no such field.
        device: `auto`, `cpu` or `gpu`; without a GPU the CPU computes.
        allow_future: allow `Ref` and `Delta` with negative days, for labels.
        dtype: of the results, `float64` or `float32`; everything is computed in float64.
        block: symbols computed side by side, from 1; by itself as many as suit; never changes a
            bit.

    NaN before a symbol's first price, and where Qlib's rules give none.

    Errors: `UserError` names the factor, marks the place and says why.
    """
    return evaluate_on(
        expressions, panel, device, allow_future=allow_future, dtype=dtype, block=block
    )[0]


def evaluate_on(
    expressions: Mapping[str, str],
    panel: Panel,
    device: str = "auto",
    *,
    allow_future: bool = False,
    dtype: str = "float64",
    block: int | None = None,
) -> tuple[dict[str, NDArray[np.floating[Any]]], Device]:
    """As `evaluate`, with the device that computed and why."""
    kind, size = dtype_of(dtype), block_of(block)
    parsed = parse(expressions, allow_future=allow_future, fields=_readable(panel))

    def work(part: Panel, bench: Bench) -> list[NDArray[Any]]:
        return _compute(*parsed, part, bench, kind, size)

    grids, used = on_device(work, panel, choose_device(device), EXPRESSIONS)
    return dict(zip(expressions, grids, strict=True)), used


def compute(expressions: Mapping[str, str], panel: Panel, bench: Bench) -> list[NDArray[Any]]:
    """Every expression's grid, computed on a bench."""
    return _compute(*parse(expressions), panel, bench, np.dtype(np.float64), None)


def _compute(
    graph: Graph, roots: Sequence[int], panel: Panel, bench: Bench, dtype: Dtype, block: int | None
) -> list[NDArray[Any]]:
    size = bench.width(*panel.shape, block or width(*panel.shape))
    run = _Run(graph, panel, _fields(graph, panel), dtype, size, bench)
    for phase in plan(graph, roots):
        run.tiles(phase)
        run.across(phase)
    return run.given(roots)


class _Run:
    """Grids that have been computed so far, and how the next ones are."""

    def __init__(
        self,
        graph: Graph,
        panel: Panel,
        grids: dict[int, Array],
        dtype: Dtype,
        block: int,
        bench: Bench,
    ) -> None:
        self.graph, self.panel, self.grids = graph, panel, grids
        self.dtype, self.block, self.bench = dtype, block, bench
        self.listed = first_listed(panel)
        self.pool = Pool(bench)
        self.whole = False
        self.together: dict[int, tuple[int, ...]] = {}
        self.results: dict[int, NDArray[Any]] = {}

    def tiles(self, phase: Phase) -> None:
        """Compute a phase's nodes on every tile of symbols."""
        rows, symbols = self.panel.shape
        self.together = same_windows(self.graph, phase.tile_nodes)
        self.whole = self.bench.kind == "cpu" and 0 < symbols <= self.block
        if not self._as_computed:
            self.results |= _grids(phase.results, (rows, symbols), self.dtype)
        if not self.whole:
            self.grids |= {n: recycling.empty((rows, symbols), np.float64) for n in phase.carry}
        for low in range(0, symbols, self.block):
            high = min(low + self.block, symbols)
            listed = self.bench.enter(self.listed[low:high])
            tile = CalendarTile(rows, high - low, self.bench, listed=listed, pool=self.pool)
            with np.errstate(all="ignore"):  # no trading, no number: that is not an error
                self._tile(phase, tile, low)

    @property
    def _as_computed(self) -> bool:
        """Whether a tile's arrays are the results themselves."""
        return self.whole and bool(self.dtype == np.float64)

    def _grids_of(self, phase: Phase) -> set[int]:
        """The nodes whose arrays on a tile are grids, which the tile may not use again."""
        if not self.whole:
            return set()
        return {*phase.loads, *phase.carry, *(phase.results if self._as_computed else ())}

    def _tile(self, phase: Phase, tile: CalendarTile, low: int) -> None:
        kept = self._computed(phase, tile, low)
        for node, lanes in self.bench.leave_each(kept):
            if node in phase.results:
                _put(self.results, node, lanes, low, self._as_computed)
            if node in phase.carry:
                _put(self.grids, node, lanes, low, self.whole)

    def _loaded(self, phase: Phase, tile: CalendarTile, low: int) -> dict[int, Any]:
        values: dict[int, Any] = {}
        for node in phase.loads:
            grid = self.grids[node]
            # kernels are compiled for arrays that may be written to
            as_it_is = self.whole and grid.flags.writeable
            values[node] = grid if as_it_is else tile.load(grid, low)
        return values

    def _computed(self, phase: Phase, tile: CalendarTile, low: int) -> Iterator[tuple[int, Any]]:
        """Every node that is to be kept, as soon as it is there."""
        values, lasting = self._loaded(phase, tile, low), self._grids_of(phase)
        fused = phase.quotients if self.bench.kind == "cpu" and not self._as_computed else ()
        for node in phase.tile_nodes:
            if node in fused:
                x, y = (values[a] for a in self.graph[node].arguments)
                layout.store_quotient(x, y, low, self.results[node], tile.scratch(1))
            elif node not in values:
                values |= self._compute(node, tile, values)
            if node in values and (node in phase.results or node in phase.carry):
                yield node, values[node]
            for unread in phase.unread_after[node]:
                array = values.pop(unread, None)
                if array is not None and unread not in lasting:
                    self.pool.give(array)

    def _compute(self, node: int, tile: CalendarTile, values: dict[int, Any]) -> dict[int, Array]:
        """A node's values, and those of nodes that come from the same run of a kernel."""
        operator = ALL[self.graph[node].operator]
        arguments: list[Any] = [
            values[a] if a in values else self.graph.constant(a) for a in self.graph[node].arguments
        ]
        if node in self.together:
            alike = self.together[node]
            names = [self.graph[n].operator for n in alike]
            last = [self.graph[n].parameters[-1] for n in alike]
            run = FAMILIES[operator.family]
            found = run(tile, arguments[0], self.graph[node].parameters[0], names, last)
            return dict(zip(alike, found, strict=True))
        result = operator.run(tile, *arguments, *self.graph[node].parameters)
        return {node: tile.clear_unlisted(result) if operator.creates else result}

    def across(self, phase: Phase) -> None:
        """Compute a phase's operators across symbols on whole grids."""
        for node in phase.across:
            grid = across.compute(self.graph, node, self.grids, self.panel, self.listed)
            self.grids[node] = grid
            self.results[node] = grid

    def given(self, roots: Sequence[int]) -> list[NDArray[Any]]:
        """Each root's grid in the wanted dtype, and in memory of its own."""
        seen: set[int] = set()
        found = []
        for root in roots:
            own = root in self.results and root not in seen
            grid = self.results[root] if root in self.results else self.grids[root]
            found.append(grid.astype(self.dtype, copy=not own))
            seen.add(root)
        return found


def _put(grids: dict[int, Array], node: int, lanes: Array, low: int, as_it_is: bool) -> None:
    """Keep a tile's array: as the node's grid, or in the columns `low` and on of that."""
    if as_it_is:
        grids[node] = lanes
    else:
        layout.store(lanes, low, grids[node])


def first_listed(panel: Panel) -> NDArray[np.int64]:
    """First row of each symbol with a price (any field where the panel has none); T for none."""
    rows, symbols = panel.shape
    listed = np.full(symbols, rows, dtype=np.int64)
    for name in [n for n in PRICE_FIELDS if n in panel] or list(panel.fields):
        calendar.first_known(np.ascontiguousarray(panel[name], dtype=np.float64), listed)
    return listed


def _grids(
    nodes: Sequence[int], shape: tuple[int, int], dtype: Any
) -> dict[int, NDArray[np.floating[Any]]]:
    """One grid for each node, several of them in one piece of memory of about `TOGETHER` bytes.

    The system hands out large pages only for large pieces, and small ones many times slower.
    """
    one = max(1, shape[0] * shape[1] * np.dtype(dtype).itemsize)
    size = max(1, TOGETHER // one)
    found: dict[int, NDArray[np.floating[Any]]] = {}
    for first in range(0, len(nodes), size):
        some = nodes[first : first + size]
        found |= dict(zip(some, recycling.empty((len(some), *shape), dtype), strict=True))
    return found


def _readable(panel: Panel) -> set[str]:
    """The fields that an expression may read."""
    derived = {"vwap"} if "amount" in panel and "volume" in panel else set()
    return set(panel.fields) | derived


def _fields(graph: Graph, panel: Panel) -> dict[int, Array]:
    """The grid of every field that the graph reads."""
    grids = {}
    for number, node in enumerate(graph.nodes):
        if node.operator == FIELD:
            grids[number] = _field(str(node.parameters[0]), panel)
    return grids


def _field(name: str, panel: Panel) -> Array:
    if name == "vwap" and name not in panel and "amount" in panel and "volume" in panel:
        with np.errstate(all="ignore"):
            return _field("amount", panel) / _field("volume", panel)
    grid = np.ascontiguousarray(panel[name], dtype=np.float64)
    price = next((p for p in ("close", *PRICE_FIELDS) if p in panel), None)
    if name in TRADED_ONLY and price is not None:
        traded = np.empty_like(grid)
        calendar.where_known(grid, np.ascontiguousarray(panel[price], np.float64), traded)
        return traded
    return grid
