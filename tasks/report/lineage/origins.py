"""A number's way back: the steps behind it, nearest first, bars last."""

from __future__ import annotations

import dataclasses

#: behind the hash of a run's code where the checkout holds other code by now
MOVED_ON = " (it, or what it imports, has changed since)"


@dataclasses.dataclass(frozen=True)
class Link:
    """One kind of step on the way from a number to its bars.

    Attributes:
        step: the function, and where it is written.
        place: its file and line, below the checkout.
        blocks: names of its blocks.
        depth: how many steps lie between it and the number.
        artifacts: content hashes, shortened, in the order of the blocks.
        code: hash of everything the step runs, shortened.
        seconds: work of all its blocks.
        moved_on: whether the step's code has changed since, so that `place` shows other code.
    """

    step: str
    place: str
    blocks: tuple[str, ...]
    depth: int
    artifacts: tuple[str, ...]
    code: str
    seconds: float
    moved_on: bool = False

    @property
    def what(self) -> str:
        """The block's name, or how many there are of the step."""
        return self.blocks[0] if len(self.blocks) == 1 else f"{len(self.blocks)} x {self.step}"

    @property
    def few(self) -> str:
        """The first artifacts' hashes."""
        return ", ".join(self.artifacts[:3]) + (" ..." if len(self.artifacts) > 3 else "")

    @property
    def line(self) -> str:
        """The link as one line of text."""
        return (
            f"{'  ' * self.depth}{self.what}: artifact {self.few}; {self.place}, code {self.code}"
            f"{MOVED_ON if self.moved_on else ''}; {self.seconds:.1f} s"
        )


@dataclasses.dataclass(frozen=True)
class Number:
    """A headline number and where it comes from."""

    name: str
    value: str
    links: tuple[Link, ...]
