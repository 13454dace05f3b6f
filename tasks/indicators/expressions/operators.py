"""The operators of the language: names, arguments, and what each computes on a tile.

Names and rules are Qlib's. Windows count calendar rows; missing and infinite values are left out of
them, one value is enough (two for deviations, covariances and lines, three for skewness, four for
kurtosis), and a window of 0 takes all rows so far.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.indicators.expressions import rolling

if TYPE_CHECKING:
    from tasks.indicators.expressions.tiles import CalendarTile
    from tasks.indicators.lanes import Array

#: what an argument may be: expression, window, share between 0 and 1, name of a symbol, and, at
#: the end, an expression that may be left out: the group that a symbol belongs to
Argument = Literal["x", "n", "q", "s", "g"]
Scope = Literal["lane", "day", "symbol"]


@dataclasses.dataclass(frozen=True)
class Operator:
    """One operator.

    Attributes:
        name: as written.
        arguments: kinds of its arguments in order, such as `xn`.
        run: what it computes, on a tile's arrays (and numbers), then its parameters.
        scope: `lane` sees one symbol's rows; `day` ranks a day's symbols; `symbol` takes another's.
        creates: whether it makes values of missing ones; then rows before a listing are cleared.
        family: operators of one family on one input and window come from one run of a kernel,
            see `FAMILIES`.
        usage: shown in errors.
    """

    name: str
    arguments: str
    run: Callable[..., Any]
    scope: Scope = "lane"
    creates: bool = False
    family: str = ""

    @property
    def usage(self) -> str:
        """How it is written."""
        words = {"x": "expression", "n": "days", "q": "share", "s": "'symbol'"}
        needed = ", ".join(words[kind] for kind in self.arguments.rstrip("g"))
        return f"{self.name}({needed}{'[, group]' if self.arguments.endswith('g') else ''})"


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """An operator of numpy's; a condition becomes 0 or 1."""

    def run(tile: CalendarTile, *values: Any) -> Array:
        return function(*values, out=tile.new())  # type: ignore[no-any-return]

    return run


def _choose(tile: CalendarTile, condition: Any, yes: Any, no: Any) -> Array:
    # as in Qlib everything but 0 is true, a missing condition too
    chosen = tile.new()
    chosen[:] = no
    np.copyto(chosen, yes, where=condition != 0.0)
    return chosen


def _whole_day(*_: Any) -> Array:
    raise AssertionError("operators across symbols run on whole grids")


def _shared(*_: Any) -> Array:
    raise AssertionError("members of a family run together")


#: only a power makes something of a missing value: 1, with an exponent of 0
ELEMENTWISE = {
    "Add": ("xx", _plain(np.add)),
    "Sub": ("xx", _plain(np.subtract)),
    "Mul": ("xx", _plain(np.multiply)),
    "Div": ("xx", _plain(np.divide)),
    "Power": ("xx", _plain(np.power)),
    "Greater": ("xx", _plain(np.maximum)),
    "Less": ("xx", _plain(np.minimum)),
    "Abs": ("x", _plain(np.abs)),
    "Sign": ("x", _plain(np.sign)),
    "Log": ("x", _plain(np.log)),
}

#: these make 0 or 1 even of missing values, as comparisons in pandas do
TRUTHS = {
    "Gt": ("xx", _plain(np.greater)),
    "Ge": ("xx", _plain(np.greater_equal)),
    "Lt": ("xx", _plain(np.less)),
    "Le": ("xx", _plain(np.less_equal)),
    "Eq": ("xx", _plain(np.equal)),
    "Ne": ("xx", _plain(np.not_equal)),
    "And": ("xx", _plain(np.logical_and)),
    "Or": ("xx", _plain(np.logical_or)),
    "Not": ("x", _plain(np.logical_not)),
    "If": ("xxx", _choose),
}

WINDOWS: dict[str, tuple[str, Callable[..., Any]]] = {
    "Ref": ("xn", rolling.ref),
    "Delta": ("xn", rolling.delta),
    "Mean": ("xn", rolling.mean),
    "Sum": ("xn", rolling.total),
    "Std": ("xn", rolling.std),
    "Var": ("xn", rolling.var),
    "Skew": ("xn", _shared),
    "Kurt": ("xn", _shared),
    "Max": ("xn", rolling.highest),
    "Min": ("xn", rolling.lowest),
    "IdxMax": ("xn", rolling.place_of_highest),
    "IdxMin": ("xn", rolling.place_of_lowest),
    "Mad": ("xn", rolling.deviation),
    "Rank": ("xn", rolling.rank),
    "WMA": ("xn", rolling.weighted),
    "EMA": ("xn", rolling.exponential),
    "Corr": ("xxn", rolling.correlation),
    "Cov": ("xxn", rolling.covariance),
}

#: windows that come from one run of a kernel, with their family
SHAPES = {"Skew": "shape", "Kurt": "shape"}

OPERATORS: dict[str, Operator] = {
    **{n: Operator(n, a, f, creates=n == "Power") for n, (a, f) in ELEMENTWISE.items()},
    **{n: Operator(n, a, f, family=SHAPES.get(n, "")) for n, (a, f) in WINDOWS.items()},
    **{n: Operator(n, a, f, creates=True) for n, (a, f) in TRUTHS.items()},
    "Count": Operator("Count", "xn", rolling.count, creates=True),
    "Quantile": Operator("Quantile", "xnq", _shared, family="quantiles"),
    "Med": Operator("Med", "xn", _shared),  # parsed as the quantile at one half
    "Slope": Operator("Slope", "xn", _shared, family="line"),
    "Resi": Operator("Resi", "xn", _shared, family="line"),
    "Rsquare": Operator("Rsquare", "xn", _shared),  # parsed as one of a line and a spread
    "CSRank": Operator("CSRank", "xg", _whole_day, scope="day"),
    "CSZScore": Operator("CSZScore", "xg", _whole_day, scope="day"),
    "CSDemean": Operator("CSDemean", "xg", _whole_day, scope="day"),
    "CSWinsorize": Operator("CSWinsorize", "xqg", _whole_day, scope="day"),
    "Mask": Operator("Mask", "xs", _whole_day, scope="symbol", creates=True),
    "ChangeInstrument": Operator(
        "ChangeInstrument", "sx", _whole_day, scope="symbol", creates=True
    ),
}

#: what the parser makes of others; nobody writes these
INNER = {
    "line square": Operator("line square", "xn", _shared, family="line"),
    "known spread": Operator("known spread", "xxx", rolling.known_spread),
}

#: everything a graph may hold
ALL = {**OPERATORS, **INNER}

#: family to what computes all its wanted members: (tile, x, days, their names, their parameters)
FAMILIES: dict[str, Callable[..., list[Any]]] = {
    "line": rolling.lines_of,
    "quantiles": rolling.quantiles_of,
    "shape": rolling.shapes_of,
}

#: infix signs with how tightly they bind (Python's order) and the operator they stand for
INFIX = {
    "<": (1, "Lt"),
    "<=": (1, "Le"),
    ">": (1, "Gt"),
    ">=": (1, "Ge"),
    "==": (1, "Eq"),
    "!=": (1, "Ne"),
    "|": (2, "Or"),
    "&": (3, "And"),
    "+": (4, "Add"),
    "-": (4, "Sub"),
    "*": (5, "Mul"),
    "/": (5, "Div"),
}
COMPARISON, UNARY = 1, 6
