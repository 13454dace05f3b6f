"""The expression graph: every distinct subexpression once, arguments before what uses them."""

from __future__ import annotations

import dataclasses

#: operators of leaves
FIELD, NUMBER = "field", "number"


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """One subexpression.

    Attributes:
        operator: `field`, `number`, or an operator's name.
        arguments: nodes it is computed from.
        parameters: a field's name, a number's value, or windows and the like.
    """

    operator: str
    arguments: tuple[int, ...] = ()
    parameters: tuple[float | str, ...] = ()


class Graph:
    """Nodes in an order in which they can be computed; equal nodes are one."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._numbers: dict[Node, int] = {}

    def add(
        self,
        operator: str,
        arguments: tuple[int, ...] = (),
        parameters: tuple[float | str, ...] = (),
    ) -> int:
        """The number of a node, which is made if it is new."""
        node = Node(operator, arguments, parameters)
        if node not in self._numbers:
            self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
        return self._numbers[node]

    def __getitem__(self, number: int) -> Node:
        return self.nodes[number]

    def constant(self, number: int) -> float | None:
        """The value of a node that is a number, else None."""
        node = self.nodes[number]
        return float(node.parameters[0]) if node.operator == NUMBER else None

    def fields(self) -> set[str]:
        """Names of all fields that some node reads."""
        return {str(n.parameters[0]) for n in self.nodes if n.operator == FIELD}
