"""Operators across symbols, on whole grids: ranks and scores of a day, and another's values.

A group as the last argument, such as `CSRank($close, $industry)`, keeps them inside the symbols of
one group on that day. A symbol without a number there belongs to no group: its result is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError
from tasks.indicators.kernels import crosssection
from tasks.indicators.kernels.windows import weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel
    from tasks.indicators.expressions.graph import Graph
    from tasks.indicators.lanes import Array


COMPARED = {
    "CSRank": crosssection.RANK,
    "CSZScore": crosssection.SCORE,
    "CSDemean": crosssection.DEMEAN,
    "CSWinsorize": crosssection.CLIP,
}


def compute(
    graph: Graph, node: int, grids: dict[int, Array], panel: Panel, listed: NDArray[np.int64]
) -> Array:
    """The grid of a node across symbols; indices (benchmarks) are never ranked: NaN there."""
    operator, parameters = graph[node].operator, graph[node].parameters
    x, *given = (np.ascontiguousarray(grids[a]) for a in graph[node].arguments)
    groups = given[0] if given else np.zeros((1, x.shape[1]))
    out = np.empty_like(x)
    ranked = np.array([s not in panel.benchmarks for s in panel.symbols], dtype=np.bool_)
    if operator in COMPARED:
        share = min(float(parameters[0]), 1.0 - float(parameters[0])) if parameters else 0.0
        crosssection.compare(x, ranked, groups, COMPARED[operator], share, out)
    else:
        out[:] = x[:, [_column(str(parameters[0]), panel)]]
        weights.unlisted(listed, out)
    return out


def _column(symbol: str, panel: Panel) -> int:
    """The column of a symbol written as `000300.SH` or, as Qlib does, `SH000300`."""
    upper = symbol.upper()
    spellings = (upper, f"{upper[2:]}.{upper[:2]}")
    for spelling in spellings:
        if spelling in panel.symbols:
            return panel.symbols.index(spelling)
    raise UserError(
        f"an expression takes the values of {symbol!r}, which is not in the panel of source "
        f"{panel.source!r} ({len(panel.symbols)} symbols): check its spelling, such as 000300.SH"
    )
