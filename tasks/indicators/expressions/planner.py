"""What is computed when: phases of tiles, with operators across symbols between them.

Within a phase everything is computed tile by tile while a tile is in cache. An operator across
symbols needs whole rows, so its argument is kept as a grid, and what uses it waits for the next
phase.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from tasks.indicators.expressions.graph import FIELD, NUMBER, Graph
from tasks.indicators.expressions.operators import ALL


@dataclasses.dataclass(frozen=True)
class Phase:
    """One pass over the tiles, then the operators across symbols that it makes possible.

    Attributes:
        tile_nodes: computed on each tile, in order.
        loads: grids a tile needs: fields, and what earlier phases kept.
        results: nodes of this phase that are asked for.
        carry: nodes of this phase that later phases, or operators across symbols, need as grids.
        quotients: those of the results that nothing reads and that divide one array by another:
            they can be written where they belong while they are computed.
        unread_after: the nodes whose arrays nobody reads once a node is computed, by that node.
        across: nodes computed on whole grids afterwards, in order.
    """

    tile_nodes: tuple[int, ...]
    loads: tuple[int, ...]
    results: tuple[int, ...]
    carry: tuple[int, ...]
    quotients: frozenset[int]
    unread_after: dict[int, list[int]]
    across: tuple[int, ...]


def plan(graph: Graph, roots: Sequence[int]) -> list[Phase]:
    """Phases that compute the roots; fields are loaded where a phase needs them."""
    needed = _needed(graph, roots)
    phase_of = _phases(graph, needed)
    count = 1 + max((phase_of[n] for n in needed if n in phase_of), default=0)
    return [_phase(graph, roots, needed, phase_of, number) for number in range(count)]


def same_windows(graph: Graph, nodes: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """Each node whose operator shares its window's work, with all that share it.

    These come from one kernel run: quantiles of one sorted window, what a line says of it.
    """
    groups: dict[tuple[Any, ...], list[int]] = {}
    for node in nodes:
        family = ALL[graph[node].operator].family
        if family:
            key = (family, graph[node].arguments[0], graph[node].parameters[0])
            groups.setdefault(key, []).append(node)
    return {node: tuple(group) for group in groups.values() for node in group}


def is_leaf(graph: Graph, node: int) -> bool:
    """Whether a node is a field or a number."""
    return graph[node].operator in (FIELD, NUMBER)


def crosses(graph: Graph, node: int) -> bool:
    """Whether a node needs other symbols' values."""
    return not is_leaf(graph, node) and ALL[graph[node].operator].scope != "lane"


def _needed(graph: Graph, roots: Sequence[int]) -> list[int]:
    wanted = set(roots)
    for node in range(len(graph.nodes) - 1, -1, -1):
        if node in wanted:
            wanted.update(graph[node].arguments)
    return sorted(wanted)


def _phases(graph: Graph, needed: Iterable[int]) -> dict[int, int]:
    """First phase in which each node that is no leaf can be computed."""
    phase_of: dict[int, int] = {}
    for node in needed:
        if not is_leaf(graph, node):
            arguments = [a for a in graph[node].arguments if a in phase_of]
            phase_of[node] = max((phase_of[a] + crosses(graph, a) for a in arguments), default=0)
    return phase_of


def _phase(
    graph: Graph, roots: Sequence[int], needed: list[int], phase_of: dict[int, int], number: int
) -> Phase:
    mine = [n for n in needed if phase_of.get(n) == number]
    across = tuple(n for n in mine if crosses(graph, n))
    tile_nodes = tuple(n for n in mine if not crosses(graph, n))
    outside = {
        a for n in needed if phase_of.get(n, -1) > number or n in across for a in graph[n].arguments
    }
    read = {a for n in tile_nodes for a in graph[n].arguments if graph[a].operator != NUMBER}
    loads = tuple(sorted(read - set(tile_nodes)))
    asked = set(roots)
    results = tuple(n for n in tile_nodes if n in asked)
    carry = tuple(n for n in tile_nodes if n in outside)
    last = set(results) - read - outside
    quotients = frozenset(n for n in last if _divides(graph, n))
    unread = _unread_after(graph, tile_nodes)
    return Phase(tile_nodes, loads, results, carry, quotients, unread, across)


def _divides(graph: Graph, node: int) -> bool:
    """Whether a node is the quotient of two arrays."""
    numbers = [a for a in graph[node].arguments if graph[a].operator == NUMBER]
    return graph[node].operator == "Div" and not numbers


def _unread_after(graph: Graph, nodes: Sequence[int]) -> dict[int, list[int]]:
    """For each node, which are last read by it; one that nobody reads ends with itself."""
    last_use: dict[int, int] = {}
    for node in nodes:
        last_use[node] = node
        for argument in graph[node].arguments:
            if graph[argument].operator != NUMBER:
                last_use[argument] = node
    unread: dict[int, list[int]] = {node: [] for node in nodes}
    for value, node in last_use.items():
        unread[node].append(value)
    return unread
