"""A user's own factors: expressions in a TOML or text file, or functions in a Python file.

    # my_factors.txt, or with quotes around the expressions: my_factors.toml
    GAP = $open / Ref($close, 1) - 1
    SIZE_RANK = CSRank($amount)

    [labels]                                # may look ahead; checked, never a factor
    NEXT = Ref($close, -1) / $close - 1

A Python file (`.py`) defines functions that take a panel of adjusted bars and give one array
(dates x symbols) or several by name. The panel's arrays cannot be written to: write into copies.
The file is run anew for every panel. Names that begin with `_` are helpers.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data import userfiles
from tasks.errors import UserError
from tasks.indicators.expressions.parser import parse as parse_expressions
from tasks.indicators.expressions.planner import crosses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel
    from tasks.data.userfiles import UserFile

    Array = NDArray[np.float64]

WHAT = "factor file"
#: tables of a TOML or text file; names before any table are factors
TABLES = ("factors", "labels")
#: letters of any script
_NAME = re.compile(r"[^\W\d]\w*")

Function = Callable[["Panel"], Any]


@dataclasses.dataclass(frozen=True)
class UserFactors:
    """What a factor file holds.

    Attributes:
        file: the file itself, None where none is given.
        expressions: factors by name, none of which looks ahead.
        labels: expressions that may look ahead.
        functions: whether the file is Python, whose names are known when it has run.
    """

    file: UserFile | None = None
    expressions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    functions: bool = False

    @property
    def lane(self) -> list[list[str]]:
        """Name and text of the expressions that see one symbol at a time."""
        return [[n, text] for n, text in self.expressions.items() if not is_across(text)]

    @property
    def across(self) -> list[list[str]]:
        """Name and text of the expressions that compare symbols."""
        return [[n, text] for n, text in self.expressions.items() if is_across(text)]

    @property
    def code(self) -> UserFile | None:
        """The file if its factors are functions."""
        return self.file if self.functions else None

    @property
    def needs_everyone(self) -> bool:
        """Whether any factor needs the whole cross-section."""
        return self.functions or bool(self.across)


def read(path: str) -> UserFactors:
    """Read and check a factor file; an empty path gives no factors.

    Raises:
        UserError: what is wrong, with the file's name, the factor and the place.
    """
    return understood(userfiles.read(path, WHAT)) if path else UserFactors()


def understood(file: UserFile) -> UserFactors:
    """The factors of a file that has been read; errors as in `read`."""
    if file.name.endswith(".py"):
        functions(file)
        return UserFactors(file, functions=True)
    tables = _toml(file) if file.name.endswith(".toml") else _text(file)
    for table, ahead in (("factors", False), ("labels", True)):
        for name, text in tables[table].items():
            _check(file, name, text, allow_future=ahead)
    if not tables["factors"] and not tables["labels"]:
        raise UserError(f"{file.name} holds no factor: write lines such as GAP = $open / $close")
    return UserFactors(file, tables["factors"], tables["labels"])


def is_across(text: str) -> bool:
    """Whether a factor's expression needs other symbols' values."""
    graph, _ = parse_expressions({"": text})
    return any(crosses(graph, node) for node in range(len(graph.nodes)))


def functions(file: UserFile) -> dict[str, Function]:
    """The functions that a Python file defines itself, in its order; errors as in `read`."""
    names = userfiles.python(file)
    found: dict[str, Function] = {
        name: value
        for name, value in names.items()
        if not name.startswith("_") and _is_own(value, file.label)
    }
    if not found:
        raise UserError(f"{file.name} defines no function: write one that takes a panel")
    return found


def _is_own(value: Any, label: str) -> bool:
    """Whether the file itself defines what is called: a function, or an object of its own class."""
    if inspect.isclass(value) or not callable(value):
        return False
    if isinstance(value, functools.partial):
        return _is_own(value.func, label)
    wraps = inspect.isfunction(value) or isinstance(value, functools._lru_cache_wrapper)
    code = getattr(inspect.unwrap(value) if wraps else type(value).__call__, "__code__", None)
    return code is not None and code.co_filename == label


def compute(file: UserFile, panel: Panel) -> dict[str, Array]:
    """What a file's functions give for a panel of adjusted bars, float64 (T, N).

    A function that gives one array lends it its name. The file is run anew, so that nothing is
    left of panels that it saw before, and no function can write into the panel: the values depend
    on the panel alone, and not on the order of the functions.

    Raises:
        UserError: a function raises, or gives something else than arrays of the panel's shape.
    """
    found: dict[str, Array] = {}
    for name, function in functions(file).items():
        try:
            given = function(panel.read_only())
        except (Exception, SystemExit) as error:
            raise userfiles.fault(file, error) from error
        for key, values in (given if isinstance(given, Mapping) else {name: given}).items():
            if str(key) in found:
                raise UserError(f"{file.name}: the name {key} is given twice: rename one of them")
            found[str(key)] = _grid(file, name, str(key), values, panel)
    return found


def _grid(file: UserFile, function: str, name: str, values: Any, panel: Panel) -> Array:
    if not _NAME.fullmatch(name):
        raise UserError(f"{file.name}: {function} names an output {name!r}: use letters and digits")
    try:
        grid = np.array(values, dtype=np.float64)  # a copy: it may be the panel's own, or reused
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{file.name}: {function} gives {type(values).__name__}: give an array of numbers"
        ) from error
    if grid.shape != panel.shape:
        raise UserError(
            f"{file.name}: {function} gives {name} in shape {grid.shape} for a panel of "
            f"{panel.shape}: give one row per date and one column per symbol"
        )
    return grid


def _toml(file: UserFile) -> dict[str, dict[str, str]]:
    content = userfiles.toml(file)
    tables = {table: dict(content.pop(table, {})) for table in TABLES}
    tables["factors"] = content | tables["factors"]
    for name, text in [*tables["factors"].items(), *tables["labels"].items()]:
        if not isinstance(text, str):
            raise UserError(
                f'{file.name}: {name} is no text: write {name} = "an expression"; tables are '
                f"{' and '.join(f'[{t}]' for t in TABLES)}"
            )
    return tables


def _text(file: UserFile) -> dict[str, dict[str, str]]:
    tables: dict[str, dict[str, str]] = {table: {} for table in TABLES}
    current = tables["factors"]
    for number, line in enumerate(file.text.splitlines(), start=1):
        where, words = f"{file.name}, line {number}", line.partition("#")[0].strip()
        if not words:
            continue
        if words.startswith("["):
            if words.strip("[] ") not in TABLES:
                raise UserError(f"{where}: {words} is no table: there are [factors] and [labels]")
            current = tables[words.strip("[] ")]
            continue
        name, equals, text = (part.strip() for part in words.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise UserError(f"{where}: write NAME = EXPRESSION, such as GAP = $open / $close")
        if any(name in table for table in tables.values()):
            raise UserError(f"{where}: the name {name} is given twice: rename one of them")
        current[name] = text[1:-1] if text[:1] == text[-1:] and text[:1] in "\"'" else text
    return tables


def _check(file: UserFile, name: str, text: str, *, allow_future: bool) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(f"{file.name}: {name!r} is no name: use letters, digits and _")
    try:
        parse_expressions({name: text}, allow_future=allow_future)
    except UserError as error:
        raise UserError(f"{file.name}: {error}") from error
