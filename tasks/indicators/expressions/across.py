"""Operators across symbols, on whole grids: ranks and scores of a day, and another's values."""

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


def compute(
    graph: Graph, node: int, grids: dict[int, Array], panel: Panel, listed: NDArray[np.int64]
) -> Array:
    """The grid of a node across symbols; indices (benchmarks) are never ranked: NaN there."""
    operator, parameters = graph[node].operator, graph[node].parameters
    x = np.ascontiguousarray(grids[graph[node].arguments[0]])
    out = np.empty_like(x)
    ranked = np.array([s not in panel.benchmarks for s in panel.symbols], dtype=np.bool_)
    if operator == "CSRank":
        crosssection.rank(x, ranked, out)
    elif operator == "CSWinsorize":
        crosssection.clip(x, ranked, min(float(parameters[0]), 1.0 - float(parameters[0])), out)
    elif operator in ("CSZScore", "CSDemean"):
        crosssection.score(x, ranked, operator == "CSZScore", out)
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
