"""What a page is made of: sections that hold tables, charts, facts, prose and commands.

Sections are built as plain values and laid out by one set of templates, so every table gets the
same sorting, every chart the same frame, and every missing thing the same sentence.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from tasks.report.states import State
from tasks.report.words import Words, is_empty, pick


@dataclasses.dataclass(frozen=True)
class Cell:
    """One table cell: what is printed, what it sorts by, how it is set.

    Attributes:
        text: printed words; the em dash where missing.
        sort: number or text to sort by; None sorts last.
        state: prints a state chip instead of plain text.
        tone: `up` or `down` for gains and losses, `strong`, `weak`, `code`.
        note: the reason for a dash, shown on hover and read aloud.
    """

    text: Words = ""
    sort: float | str | None = None
    state: State | None = None
    tone: str = ""
    note: Words = ""


@dataclasses.dataclass(frozen=True)
class Column:
    """One table column; numbers align right."""

    label: Words
    number: bool = False
    sortable: bool = True


@dataclasses.dataclass(frozen=True)
class Table:
    """A table; the first column names the row. `order` says what comes first."""

    id: str
    caption: Words
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    order: Words = ""
    total: int = 0
    csv: str = ""
    shown: int = 20
    kind: Literal["table"] = "table"


@dataclasses.dataclass(frozen=True)
class Chart:
    """One chart: a finding, the question it answers, the picture, its numbers.

    Attributes:
        finding: the title, a sentence.
        question: the subtitle, with the period.
        svg: inline SVG; empty if there is nothing to draw, then `empty` says why.
        note: what else must be known: thinning, hatching, bands.
        data: the same numbers as a table.
    """

    id: str
    finding: Words
    question: Words
    svg: str = ""
    empty: Words = ""
    note: Words = ""
    data: Table | None = None
    wide: bool = False
    kind: Literal["chart"] = "chart"


@dataclasses.dataclass(frozen=True)
class Prose:
    """A paragraph; `weight` is `normal`, `note` or `rule`."""

    text: Words
    weight: str = "normal"
    kind: Literal["prose"] = "prose"


@dataclasses.dataclass(frozen=True)
class Facts:
    """Labels with values, set in columns."""

    rows: tuple[tuple[Words, Cell], ...]
    kind: Literal["facts"] = "facts"


@dataclasses.dataclass(frozen=True)
class Command:
    """A command to paste, with what it does."""

    what: Words
    command: str
    kind: Literal["command"] = "command"


@dataclasses.dataclass(frozen=True)
class Grid:
    """Blocks side by side where there is room."""

    blocks: tuple[Block, ...]
    kind: Literal["grid"] = "grid"


@dataclasses.dataclass(frozen=True)
class Card:
    """A framed group with its own title and badge."""

    id: str
    title: Words
    blocks: tuple[Block, ...]
    badge: Words = ""
    kind: Literal["card"] = "card"


Block = Table | Chart | Prose | Facts | Command | Grid | Card


@dataclasses.dataclass(frozen=True)
class Section:
    """One lettered section: its name for the list, its finding as the title, its content."""

    letter: str
    id: str
    name: Words
    state: State
    finding: Words
    blocks: tuple[Block, ...] = ()
    covered: Words = ""
    always_open: bool = False


def missing(why: Words = "") -> Cell:
    """The cell of something that is not there; it sorts last."""
    return Cell("—", None, note=why)


def words(text: Words, *, tone: str = "", why: Words = "") -> Cell:
    """A cell of words; an empty one is a dash if there is a reason, else blank."""
    if is_empty(text):
        return Cell() if is_empty(why) else missing(why)
    return Cell(text, pick(text), tone=tone)


def number(text: Words, value: float | None, *, tone: str = "", why: Words = "") -> Cell:
    """A cell with a printed number that sorts by its value."""
    return missing(why) if value is None or value != value else Cell(text, float(value), tone=tone)


def status(state: State, order: int) -> Cell:
    """A cell with a state chip; `order` 0 is worst."""
    return Cell(state, float(order), state=state)


def columns(*labels: Words | tuple[Words, bool]) -> tuple[Column, ...]:
    """Columns from labels; a pair `(label, True)` is a column of numbers."""
    return tuple(
        Column(label[0], number=label[1]) if isinstance(label, tuple) else Column(label)
        for label in labels
    )


def without_empty(table: Table) -> Table:
    """The table without columns in which no row says anything."""
    kept = [
        i
        for i in range(len(table.columns))
        if i == 0 or any(not is_empty(row[i].text) for row in table.rows)
    ]
    return dataclasses.replace(
        table,
        columns=tuple(table.columns[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in table.rows),
    )
