"""The user's own strategies: expressions in a TOML file, or a function in a Python file.

Expressions, in the language of `tasks.indicators.expressions`, on adjusted prices:

    [strategy]
    name = "two_means"
    entry = "Mean($close, {fast}) > Mean($close, {slow})"   # hold from the first true close ...
    exit = "Mean($close, {fast}) < Mean($close, {slow})"    # ... to this one; left out: while true
    constraint = "fast < slow"    # sets worth a trial; left out: all
    warm_up = "slow"              # sessions before the first position; left out: none

    [parameters]
    fast = [5, 10, 20]
    slow = { start = 20, stop = 120, step = 20 }

or, instead of `entry`, a ranking: `score = "Ref($close, 5) / $close"` with `top` (percent of the
stocks held, 10) and `every` (sessions from one ranking to the next, 5), each a number or the name
of a parameter. A Python file says the same by `PARAMETERS`, `CONSTRAINT`, `WARM_UP`, `TOP`,
`EVERY`, `NAME` (its own if left out), and one function of the panel and a set of parameters:

    def positions(panel, *, fast, slow):    # (T, N): 1 holds after the close, 0 or NaN does not,
        ...                                 # a fraction invests that part of the account
    def scores(panel, *, window):           # (T, N): the highest are held
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.backtest.kernels import states
from tasks.backtest.ranking import chosen
from tasks.backtest.strategies.arithmetic import arithmetic
from tasks.backtest.strategies.family import Family, Parameter
from tasks.backtest.strategies.foresight import require_blindness
from tasks.data import userfiles
from tasks.data.userfiles import UserFile
from tasks.errors import QilinError, UserError
from tasks.indicators.expressions.evaluating import evaluate
from tasks.indicators.expressions.parser import parse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Set = Mapping[str, float]
    Outcome = Array | UserError

_KNOWN = frozenset({"name", "entry", "exit", "score", "top", "every", "constraint", "warm_up"})
_PLACE = re.compile(r"\{(\w+)\}")
#: cells of expressions that are computed together, so that sets share their common parts
_CELLS = 2**25


@functools.lru_cache(maxsize=8)
def read_strategy(file: UserFile) -> Family:
    """The strategy of a file.

    Raises:
        UserError: names the file and what is wrong in it.
    """
    said = _python(file) if file.name.endswith(".py") else _toml(file)
    parameters = tuple(_parameter(file, n, v) for n, v in dict(said["parameters"]).items())
    names = tuple(p.name for p in parameters)
    rule = _Rule(file, parameters, said)
    constraint = _formula(file, said.get("constraint", "1 > 0"), names)
    warm_up = _formula(file, said.get("warm_up", 0), names)
    return Family(
        name=str(said["name"]),
        title=f"{said['name']} of {file.name}",
        parameters=parameters,
        lookback=lambda values: max(int(np.max(_on(warm_up, names, values))), 1),
        sensible=lambda values: _on(constraint, names, values) != 0,
        rule=f"{said.get('constraint', 'every set is')} ({file.name})",
        wishes=rule.wishes,
        shared=rule.ranks,
    )


def _toml(file: UserFile) -> dict[str, Any]:
    content = userfiles.toml(file)
    said = content.get("strategy")
    if not isinstance(said, dict) or ("entry" in said) == ("score" in said):
        raise UserError(
            f"{file.name} has no table [strategy] with either entry or score: add one expression"
        )
    if unknown := sorted(said.keys() - _KNOWN) + sorted(
        content.keys() - {"strategy", "parameters"}
    ):
        raise UserError(
            f"{file.name} has {unknown[0]!r}, which is unknown: a strategy has "
            f"{', '.join(sorted(_KNOWN))}, and [parameters]"
        )
    return {"name": Path(file.name).stem, **said, "parameters": content.get("parameters", {})}


def _python(file: UserFile) -> dict[str, Any]:
    defined = userfiles.python(file)
    functions = [n for n in ("positions", "scores") if callable(defined.get(n))]
    if len(functions) != 1:
        raise UserError(
            f"{file.name} defines {' and '.join(functions) or 'neither positions nor scores'}: "
            "define one function positions(panel, ...) or scores(panel, ...)"
        )
    said = {n.lower(): defined[n] for n in ("CONSTRAINT", "WARM_UP", "TOP", "EVERY")
            if n in defined}  # fmt: skip
    said["name"] = defined.get("NAME", Path(file.name).stem)
    said["parameters"] = defined.get("PARAMETERS", {})
    return said | {"function": functions[0]}


def _parameter(file: UserFile, name: str, given: Any) -> Parameter:
    values = given
    if isinstance(given, Mapping) and {"start", "stop", "step"} == given.keys():
        start, stop, step = (given[k] for k in ("start", "stop", "step"))
        good = all(isinstance(v, (int, float)) for v in (start, stop, step)) and step > 0
        count = int(np.floor((stop - start) / step + 1e-9)) + 1 if good else 0
        values = [start + i * step for i in range(max(count, 0))]
    elif isinstance(given, (int, float)):
        values = [given]
    numbers = isinstance(values, (list, tuple)) and all(
        isinstance(v, (int, float)) and np.isfinite(v) for v in values
    )
    if not numbers or not values:
        raise UserError(
            f"{file.name}: parameter {name} is {given!r}: give a list of numbers, or start, stop "
            "and step"
        )
    usual = tuple(float(v) for v in values)
    whole = all(v == np.rint(v) for v in usual)
    return Parameter(name, f"{name} of {file.name}", -np.inf, np.inf, usual, whole)


def _formula(file: UserFile, said: Any, names: tuple[str, ...]) -> Callable[..., Any]:
    try:
        return arithmetic(str(said), names)
    except UserError as error:
        raise UserError(f"{file.name}: {error}") from error


def _on(formula: Callable[..., Any], names: tuple[str, ...], values: Array) -> Array:
    columns = dict(zip(names, values.T, strict=True))
    return np.broadcast_to(np.asarray(formula(columns), dtype=float), len(values))


def told(parameters: Set) -> str:
    """`fast 5, slow 20`."""
    return ", ".join(f"{n} {v:g}" for n, v in parameters.items()) or "no parameters"


class _Rule:
    """The heart of a user's strategy: from a panel and sets to fractions to invest."""

    def __init__(
        self, file: UserFile, parameters: tuple[Parameter, ...], said: Mapping[str, Any]
    ) -> None:
        names = tuple(p.name for p in parameters)
        self.file, self.names, self.said = file, names, said
        self._whole = {p.name: p.whole for p in parameters}
        self.ranks = "score" in said or said.get("function") == "scores"
        self._texts = {n: said[n] for n in ("entry", "exit", "score") if n in said}
        self._top = _formula(file, said.get("top", 10), names)
        self._every = _formula(file, said.get("every", 5), names)
        for name, text in self._texts.items():
            if unknown := set(_PLACE.findall(str(text))) - set(names):
                raise UserError(
                    f"{file.name}: {name} names {{{min(unknown)}}}, which is not in [parameters]: "
                    f"add it, or use {', '.join(names) or 'numbers'}"
                )

    def wishes(self, panel: Panel, member: Flags, values: Array, first: int) -> list[Outcome]:
        """See `Family.wishes`."""
        sets = [dict(zip(self.names, row.tolist(), strict=True)) for row in values]
        found = self._computed(panel, sets)
        self._require_blindness(panel, sets, found)
        return [self._wish(grid, one, member, first) for grid, one in zip(found, sets, strict=True)]

    def _computed(self, panel: Panel, sets: Sequence[Set]) -> list[Any]:
        if not self._texts:
            return [self._called(panel, one) for one in sets]
        size = max(1, _CELLS // max(1, panel.shape[0] * panel.shape[1] * len(self._texts)))
        return [
            grids for i in range(0, len(sets), size)
            for grids in self._evaluated(panel, sets[i : i + size])
        ]  # fmt: skip

    def _evaluated(self, panel: Panel, sets: Sequence[Set]) -> list[Any]:
        """Grids of each set's expressions; of sets that fail together, each one by itself."""
        texts = {
            f"{name} with {told(one)}": _filled(str(text), one)
            for one in sets
            for name, text in self._texts.items()
        }
        try:
            parse(texts)
            grids = evaluate(texts, panel)
        except QilinError as error:
            if len(sets) == 1:
                return [UserError(f"{self.file.name}: {error}")]
            return [grid for one in sets for grid in self._evaluated(panel, [one])]
        return [{n: grids[f"{n} with {told(one)}"] for n in self._texts} for one in sets]

    def _called(self, panel: Panel, one: Set) -> Any:
        name = self.said["function"]
        given = {n: int(v) if self._whole[n] else v for n, v in one.items()}
        try:
            # The file is run anew for each set, which then cannot depend on the sets before it.
            function = userfiles.python(self.file)[name]
            grid = np.asarray(function(panel.read_only(), **given), dtype=float)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it becomes the set's row
            return UserError(f"{userfiles.fault(self.file, error)} ({name} with {told(one)})")
        if grid.shape != panel.shape:
            return UserError(
                f"{self.file.name}: {name} with {told(one)} gives shape {grid.shape}, the panel's "
                f"grid is {panel.shape}: return one row per date and one column per symbol"
            )
        return grid

    def _wish(self, found: Any, one: Set, member: Flags, first: int) -> Outcome:
        if isinstance(found, UserError):
            return found
        if self.ranks:
            scores = found["score"] if self._texts else found
            top, every = (float(f(one)) for f in (self._top, self._every))
            if not (0 < top <= 100 and every >= 1):
                return UserError(
                    f"{self.file.name}: top {top:g} and every {every:g} with {told(one)}: give a "
                    "percentage above 0 up to 100, and at least 1 session"
                )
            return chosen(scores, member, top, int(every), first).astype(float)
        if not self._texts:
            return self._fractions(found, one)
        if "exit" not in found:
            return np.asarray(found["entry"] > 0.0, dtype=float)
        out = np.empty(member.shape)
        states.enter_leave(found["entry"], found["exit"], out)
        return out

    def _fractions(self, grid: Array, one: Set) -> Outcome:
        known = np.nan_to_num(grid, nan=0.0)
        bad = (known < 0.0) | (known > 1.0)
        if bad.any():
            t, n = np.argwhere(bad)[0]
            return UserError(
                f"{self.file.name}: positions with {told(one)} is {known[t, n]:g} in row {t}, "
                f"column {n}: give fractions from 0 to 1, an account is never short or on credit"
            )
        return known

    def _require_blindness(self, panel: Panel, sets: Sequence[Set], found: Sequence[Any]) -> None:
        """Refuse a rule whose past changes with the future.

        A function is looked at with every set; expressions cannot look ahead, one set is enough.
        """
        for one, whole in zip(sets, found, strict=True):
            if not isinstance(whole, UserError):
                who = f"{self.file.name} looks into the future: with {told(one)}"
                require_blindness(who, functools.partial(self._alone, one), panel, whole)
            if self._texts:
                return

    def _alone(self, one: Set, panel: Panel) -> Any:
        return self._computed(panel, [one])[0]


def _filled(text: str, one: Set) -> str:
    return _PLACE.sub(lambda place: _number(one[place[1]]), text)


def _number(value: float) -> str:
    return str(int(value)) if value == np.rint(value) else repr(float(value))
