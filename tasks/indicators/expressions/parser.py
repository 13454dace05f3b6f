"""The grammar: text to a graph, by precedence, without `eval` and with bounded nesting.

Signs bind as in Python: `**`, unary `-`, `* /`, `+ -`, `&`, `|`, comparisons. Calls are
`Name(argument, ...)`, fields `$close`, numbers and, for `Mask`, quoted symbols.
"""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any

from tasks.errors import UserError
from tasks.indicators.expressions.graph import FIELD, NUMBER, Graph
from tasks.indicators.expressions.lexer import Token, fault, tokens
from tasks.indicators.expressions.operators import (
    COMPARISON,
    ELEMENTWISE,
    INFIX,
    OPERATORS,
    UNARY,
    Operator,
)

DEEPEST = 100
LONGEST_WINDOW = 100_000
#: what is computed while parsing if all arguments are numbers
ARITHMETIC: dict[str, Callable[[float, float], Any]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Div": operator.truediv,
    "Power": operator.pow,
}


def parse(
    expressions: Mapping[str, str],
    *,
    allow_future: bool = False,
    fields: Collection[str] | None = None,
) -> tuple[Graph, list[int]]:
    """One graph for all expressions, and the node of each in their order.

    Negative `Ref` and `Delta` look ahead: an error unless `allow_future` (labels). So is a field
    that is not among `fields`, where they are known. Errors: `UserError` with the place marked
    under the text.
    """
    if not isinstance(expressions, Mapping):
        raise UserError(
            f"the expressions are {type(expressions).__name__}, not names with a text each: give "
            "{'GAP': '$open / Ref($close, 1) - 1'}"
        )
    graph = Graph()
    roots = []
    for name, text in expressions.items():
        reader = _Reader(graph, name, text, allow_future, fields)
        roots.append(reader.whole())
    return graph, roots


class _Reader:
    def __init__(
        self,
        graph: Graph,
        name: str,
        text: str,
        allow_future: bool,
        fields: Collection[str] | None,
    ) -> None:
        self.graph, self.name, self.text = graph, name, text
        self.allow_future, self.fields = allow_future, fields
        self.tokens = tokens(text, name)
        self.at = 0
        self.depth = 0

    def whole(self) -> int:
        root = self.binary(0)
        if self.here.kind != "end":
            raise self.fault(self.here, f"{self.here.text!r} is not expected here")
        if self.graph.constant(root) is not None:
            raise self.fault(self.tokens[0], "the expression is a number: name a field, $close")
        return root

    @property
    def here(self) -> Token:
        return self.tokens[self.at]

    def fault(self, token: Token, cause: str) -> UserError:
        return fault(self.name, self.text, token.place, cause)

    def take(self, text: str) -> Token:
        token = self.here
        if token.text != text or token.kind != "sign":
            found = repr(token.text) if token.text else "the end"
            raise self.fault(token, f"{text!r} is expected here, not {found}")
        self.at += 1
        return token

    def binary(self, least: int) -> int:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.fault(self.here, f"nested deeper than {DEEPEST}: split the expression")
        left = self.unary()
        compared = False
        while self.here.kind == "sign" and self.here.text in INFIX:
            sign = self.here
            binding, name = INFIX[sign.text]
            if binding < least:
                break
            if compared and binding == COMPARISON:
                raise self.fault(
                    sign, "comparisons cannot be chained: put each in brackets and join them with &"
                )
            self.at += 1
            left = self.combine(sign, name, (left, self.binary(binding + 1)))
            compared = compared or binding == COMPARISON
        self.depth -= 1
        return left

    def unary(self) -> int:
        sign = self.here
        if sign.kind == "sign" and sign.text in "+-":
            self.at += 1
            value = self.binary(UNARY)
            if sign.text == "+":
                return value
            return self.combine(sign, "Mul", (self.number(-1.0), value))
        value = self.primary()
        if self.here.kind == "sign" and self.here.text == "**":
            sign = self.here
            self.at += 1
            return self.combine(sign, "Power", (value, self.binary(UNARY)))
        return value

    def primary(self) -> int:
        token = self.here
        self.at += 1
        if token.kind == "number":
            value = float(token.text)
            if not math.isfinite(value):
                raise self.fault(token, f"{token.text} is too large a number")
            return self.number(value)
        if token.kind == "field":
            return self.field(token)
        if token.kind == "name":
            return self.call(token)
        if token.kind == "sign" and token.text == "(":
            value = self.binary(0)
            self.take(")")
            return value
        raise self.fault(token, self._why_no_value(token))

    def field(self, token: Token) -> int:
        name = token.text[1:]
        if self.fields is not None and name not in self.fields:
            near = difflib.get_close_matches(name.lower(), self.fields, 1, 0.5)
            hint = f", did you mean ${near[0]}?" if near else ""
            have = ", ".join(f"${f}" for f in sorted(self.fields))
            raise self.fault(token, f"there is no field {token.text}{hint}; the data have {have}")
        return self.graph.add(FIELD, (), (name,))

    def _why_no_value(self, token: Token) -> str:
        if token.kind == "point_in_time":
            return f"point-in-time fields ({token.text}) are not part of a panel: use $ fields"
        if token.kind == "string":
            return "text stands only for a symbol in Mask and ChangeInstrument"
        found = repr(token.text) if token.text else "the end"
        return f"a value is expected here, not {found}"

    def call(self, name: Token) -> int:
        called = OPERATORS.get(name.text)
        if called is None:
            near = difflib.get_close_matches(name.text, OPERATORS, 1, 0.5)
            hint = f", did you mean {near[0]}?" if near else f"; there are {', '.join(OPERATORS)}"
            raise self.fault(name, f"there is no operator {name.text!r}{hint}")
        self.take("(")
        values: list[int] = []
        parameters: list[float | str] = []
        for position, kind in enumerate(called.arguments):
            if kind == "g" and self.here.text == ")":
                break
            if position:
                self.comma(called)
            token = self.here
            if kind == "s":
                parameters.append(self.symbol(token))
            elif kind in "xg":
                values.append(self.binary(0))
            else:
                parameters.append(self.parameter(token, called, kind))
        if self.here.text == ",":
            raise self.fault(self.here, f"too many arguments: {called.usage}")
        self.take(")")
        return self.combine(name, called.name, tuple(values), tuple(parameters))

    def comma(self, called: Operator) -> None:
        if self.here.text == ")":
            raise self.fault(self.here, f"too few arguments: {called.usage}")
        self.take(",")

    def symbol(self, token: Token) -> str:
        if token.kind != "string":
            raise self.fault(token, "a symbol in quotes is expected here, such as '000300.SH'")
        self.at += 1
        return token.text[1:-1]

    def parameter(self, token: Token, called: Operator, kind: str) -> float:
        value = self.graph.constant(self.binary(0))
        if value is None:
            raise self.fault(token, f"a plain number is expected here: {called.usage}")
        if kind == "q":
            if not 0.0 <= value <= 1.0:
                raise self.fault(token, f"the share is {value:g}: give one between 0 and 1")
            return value
        if called.name == "EMA" and 0.0 < value < 1.0:
            return value
        return self.days(token, called, value)

    def days(self, token: Token, called: Operator, value: float) -> int:
        if value != int(value):
            raise self.fault(token, f"{value:g} is no number of days: give a whole number")
        if abs(value) > LONGEST_WINDOW:
            raise self.fault(
                token,
                f"{value:.15g} days are too many: give {LONGEST_WINDOW} at most, or 0 for all",
            )
        if value < 0 and called.name not in ("Ref", "Delta"):
            raise self.fault(token, f"a window of {value:g} days is none: give 0 (all) or more")
        if value < 0 and not self.allow_future:
            days = f"{-value:g} day{'' if value == -1 else 's'}"
            raise self.fault(token, f"{called.name} looks {days} ahead: only labels may do that")
        return int(value)

    def number(self, value: float) -> int:
        return self.graph.add(NUMBER, (), (value,))

    def combine(
        self,
        where: Token,
        name: str,
        values: tuple[int, ...],
        parameters: tuple[float | str, ...] = (),
    ) -> int:
        constants = [self.graph.constant(v) for v in values]
        known = [c for c in constants if c is not None]
        if len(known) == len(values):
            return self.fold(where, name, known)
        if known and name not in ELEMENTWISE and OPERATORS[name].arguments.strip("x"):
            raise self.fault(where, f"{name} of a number says nothing: name a field, $close")
        if name == "Med":  # shares the sorted window of other quantiles
            return self.graph.add("Quantile", values, (*parameters, 0.5))
        if name == "Rsquare":
            square = self.graph.add("line square", values, parameters)
            spread = self.spread(values[0], parameters)
            return self.graph.add("known spread", (square, spread, spread))
        if name == "Corr":
            values += tuple(self.spread(v, parameters) for v in values)
        return self.graph.add(name, values, parameters)

    def spread(self, value: int, parameters: tuple[float | str, ...]) -> int:
        """The deviation of a value's window: correlations are missing where that is nearly 0."""
        return self.graph.add("Std", (value,), parameters)

    def fold(self, where: Token, name: str, values: list[float]) -> int:
        if name not in ARITHMETIC:
            raise self.fault(where, f"{name} of numbers alone says nothing: name a field, $close")
        try:
            value = ARITHMETIC[name](*values)
        except (ArithmeticError, ValueError):
            value = math.nan
        if isinstance(value, complex) or not math.isfinite(value):
            raise self.fault(where, "this arithmetic has no finite result")
        return self.number(float(value))
