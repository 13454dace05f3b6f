"""Where the boxes of the graph stand, and which ways the arrows between them take.

An arrow that passes rows on its way has a lane of its own in each, beside the boxes: none runs
behind a box, where nobody could see what waits for what.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tasks.report.lineage.graph import Step

#: name of the step in front and of the one that waits for it
Edge = tuple[str, str]
#: what stands in a row: a step's box, or the lane of an arrow that passes it
Item = str | Edge

WIDTH: Final = 1080.0
_BOX_WIDTH: Final = 236.0
_LANE_WIDTH: Final = 22.0
#: between neighbours at least
_GAP: Final = 10.0
#: between the ends of two arrows at a box at most
_PORT: Final = 18.0
#: between the end of an arrow and its box's corner at least
_CORNER: Final = 30.0
#: rounds down and up in which each row is put in the order of what it is connected with
_ROUNDS: Final = 4


@dataclasses.dataclass(frozen=True)
class Layout:
    """Places in the drawing's own units, across only: rows follow from the levels.

    Attributes:
        width: of every box.
        boxes: step to the left edge of its box.
        lanes: arrow to where it passes the rows between its two boxes, from the top.
        ports: arrow to where it leaves the upper box and where it meets the lower one.
    """

    width: float
    boxes: Mapping[str, float]
    lanes: Mapping[Edge, tuple[float, ...]]
    ports: Mapping[Edge, tuple[float, float]]


def layout(steps: Sequence[Step]) -> Layout:
    """Places for the steps of `graph.steps`."""
    level = {step.name: step.level for step in steps}
    edges = [(before, step.name) for step in steps for before in step.after]
    rows: list[list[Item]] = [[] for _ in range(1 + max(level.values(), default=0))]
    for step in steps:
        rows[step.level].append(step.name)
    for edge in edges:
        for between in range(level[edge[0]] + 1, level[edge[1]]):
            rows[between].append(edge)
    width = min([_BOX_WIDTH, *(_room(row) for row in rows)])
    centres = _ordered(rows, edges, width)
    lanes = {
        (a, b): tuple(centres[row][(a, b)] for row in range(level[a] + 1, level[b]))
        for a, b in edges
    }
    middles = {name: centres[at][name] for name, at in level.items()}
    return Layout(
        width,
        {name: middle - width / 2 for name, middle in middles.items()},
        lanes,
        _ports(edges, middles, lanes, width),
    )


def _room(row: Sequence[Item]) -> float:
    """Width of a box in a row that is full."""
    boxes = sum(isinstance(item, str) for item in row)
    lanes = (len(row) - boxes) * (_LANE_WIDTH + _GAP)
    return (WIDTH - lanes) / max(1, boxes) - _GAP


def _ordered(
    rows: Sequence[list[Item]], edges: Sequence[Edge], width: float
) -> list[dict[Item, float]]:
    """Centre of each item of each row, each row in the order of what its items hang on."""
    centres = [_spread(row, width) for row in rows]
    for _ in range(_ROUNDS):
        for at in [*range(1, len(rows)), *reversed(range(len(rows) - 1)), *range(1, len(rows))]:
            for beside in (at - 1, at + 1):
                if 0 <= beside < len(rows):
                    _sort(rows[at], edges, centres[beside], centres[at])
                    centres[at] = _spread(rows[at], width)
    return centres


def _sort(
    row: list[Item],
    edges: Sequence[Edge],
    beside: Mapping[Item, float],
    here: Mapping[Item, float],
) -> None:
    """Put a row in the order of the mean place of what its items hang on in a row beside it."""
    mean = {item: _mean(_joined(item, edges, beside)) for item in row}
    place = {item: here[item] if (m := mean[item]) is None else m for item in row}
    row.sort(key=lambda item: (place[item], here[item]))


def _joined(item: Item, edges: Sequence[Edge], beside: Mapping[Item, float]) -> list[float]:
    """Places in a row beside it that an item is connected with."""
    own = edges if isinstance(item, str) else [item]
    mine = [edge for edge in own if isinstance(item, tuple) or item in edge]
    ends: list[Item] = [end for edge in mine for end in (edge, *edge) if end != item]
    return [beside[end] for end in ends if end in beside]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _spread(row: Iterable[Item], width: float) -> dict[Item, float]:
    """Centre of each item, what room is left dealt out evenly."""
    items = list(row)
    widths = [width if isinstance(item, str) else _LANE_WIDTH for item in items]
    rest = (WIDTH - sum(widths)) / max(1, len(items))
    centres, left = {}, 0.0
    for item, own in zip(items, widths, strict=True):
        centres[item] = left + (rest + own) / 2
        left += rest + own
    return centres


def _ports(
    edges: Sequence[Edge],
    middles: Mapping[str, float],
    lanes: Mapping[Edge, tuple[float, ...]],
    width: float,
) -> dict[Edge, tuple[float, float]]:
    """Ends of the arrows at their boxes, beside each other in the order in which they come."""
    leave: dict[Edge, float] = {}
    arrive: dict[Edge, float] = {}
    for name, middle in middles.items():
        out = sorted((e for e in edges if e[0] == name),
                     key=lambda e: (lanes[e] or (middles[e[1]],))[0])  # fmt: skip
        into = sorted((e for e in edges if e[1] == name),
                      key=lambda e: (lanes[e] or (middles[e[0]],))[-1])  # fmt: skip
        for found, group in ((leave, out), (arrive, into)):
            step = min(_PORT, (width - 2 * _CORNER) / max(1, len(group) - 1))
            for i, edge in enumerate(group):
                found[edge] = middle + (i - (len(group) - 1) / 2) * step
    return {edge: (leave[edge], arrive[edge]) for edge in edges}
