"""Ten thousand random texts end in a result or a sentence; ten thousand random trees are right."""

from __future__ import annotations

import builtins
import os
import random
import subprocess
from typing import Any

import numpy as np
import pytest

from tasks.data.panel import Panel
from tasks.errors import UserError
from tasks.indicators.expressions import evaluate, parse
from tasks.indicators.expressions.operators import OPERATORS
from tests.indicators import expression_oracle as oracle

CASES = 10_000
TOGETHER = 100  # expressions of one graph
FIELDS = ("close", "open", "industry")
ROWS = 11


@pytest.fixture(scope="module")
def panel() -> Panel:
    """Columns of every kind: whole, holed, late, locked, one bar, none."""
    rng = np.random.default_rng(0)
    close = np.round(rng.lognormal(1, 0.5, (ROWS, 7)), 1)
    opened = np.round(close * rng.uniform(0.8, 1.2, close.shape), 1)
    close[rng.random(close.shape) < 0.15] = np.nan
    close[:, 0] = np.round(rng.lognormal(1, 0.5, ROWS), 1)
    close[:4, 2] = np.nan
    close[:, 3] = 3.3
    close[:, 4] = np.nan
    close[:, 5] = np.nan
    close[6, 5] = 2.0
    opened[np.isnan(close)] = np.nan
    industry = np.where(np.isnan(close) & (rng.random(close.shape) < 0.5), np.nan, 1.0)
    industry[:, 3:] += 1.0
    for grid in (opened, industry):  # nothing is known before the listing
        grid[np.cumsum(~np.isnan(close), axis=0) == 0] = np.nan
    fields = {"close": close, "open": opened, "industry": industry}
    return Panel(np.datetime64("2020-01-01") + np.arange(ROWS), tuple("ABCDEFG"), fields)


#: both sides give the same bits if their arguments are the same
EXACT = (
    *("Add", "Sub", "Mul", "Div", "Greater", "Less", "Abs", "Sign", "Log", "Not", "If", "Ref"),
    *("Delta", "Max", "Min", "IdxMax", "IdxMin", "Rank", "Count", "CSRank", "Power"),
    *("Gt", "Ge", "Lt", "Le", "Eq", "Ne", "And", "Or"),
)
#: a last bit in an argument cannot become a large difference; all others take exact arguments
CONTINUOUS = (
    *("Add", "Sub", "Mul", "Greater", "Less", "Abs", "Ref", "Delta", "Mean", "Sum", "Std", "Var"),
    *("Max", "Min", "Quantile", "Med", "Mad", "Count", "Slope", "Resi", "WMA", "EMA", "Cov"),
    *("CSDemean", "CSWinsorize"),
)


def tree(rng: random.Random, depth: int, exact: bool) -> Any:
    """A random tree; exact ones hold only operators that give equal bits on both sides."""
    if depth == 0:
        return rng.choice(FIELDS)
    names = [n for n, op in OPERATORS.items() if op.scope != "symbol"]
    name = rng.choice([n for n in names if n in EXACT] if exact else names)
    inner = exact or name not in CONTINUOUS
    arguments: list[Any] = []
    for kind in OPERATORS[name].arguments:
        if kind == "x":
            arguments.append(tree(rng, rng.randrange(depth), inner))
        elif kind == "n":
            small = 0.3 if name == "EMA" and rng.random() < 0.3 else None
            arguments.append(small or rng.choice((0, 1, 2, 3, 5, 8, 30)))
        elif kind == "q":
            arguments.append(rng.choice((0.0, 0.1, 0.5, 0.75, 1.0)))
        elif rng.random() < 0.5:
            arguments.append(tree(rng, rng.randrange(2), exact=True))
    numbers = OPERATORS[name].arguments == "xx" or name == "If"
    if numbers and rng.random() < 0.3:
        arguments[-1] = rng.choice((0, 1, 2, 0.5, 3))
    return (name, *arguments)


@pytest.mark.parametrize("cases", [1_500, pytest.param(CASES, marks=pytest.mark.slow)])
def test_random_expressions_are_what_a_tree_walk_gives(cases, panel):
    rng = random.Random(cases)
    used: set[str] = set()
    for _ in range(cases // TOGETHER):
        trees = [tree(rng, rng.choice((1, 2, 2, 3, 4)), exact=False) for _ in range(TOGETHER)]
        texts = {str(i): oracle.text(t, lambda: rng.random() < 0.5) for i, t in enumerate(trees)}
        found = evaluate(texts, panel, "cpu", block=rng.choice((1, 2, 3, 5, 64)))
        for number, grid in enumerate(found.values()):
            text = texts[str(number)]
            expected, largest = oracle.value(trees[number], dict(panel.fields))
            used.update(n for n in OPERATORS if f"{n}(" in text)
            assert np.array_equal(np.isnan(grid), np.isnan(expected)), f"other NaN: {text}"
            noise = 1e-7 * (1 + largest) + 1e-12 * largest**2
            np.testing.assert_allclose(grid, expected, rtol=1e-6, atol=noise, err_msg=text)
    assert used == set(OPERATORS) - {"Mask", "ChangeInstrument"}


ALPHABET = "$close(),.+-*/<>=!&| 0123456789MeanRfSu'\"_[]{}:;@#%^~\\\n\t\x00é中\u202e$"
PIECES = (
    *("$close", "$open", "$", "Mean", "CSRank", "Ref", "(", ")", "(", ")", ",", ",", "1", "0.5"),
    *("-1", "1e400", "**", "*", "-", "/ 0", "==", "&", "'A'", "Mask", "__import__", "lambda x: x"),
    *("eval", "exec('1')", "os.system('true')", "$close.__class__", "9" * 30, " ", "Quantile"),
)


def random_text(rng: random.Random) -> str:
    """Letters, pieces of the language, or a valid expression with something broken."""
    form = rng.randrange(3)
    if form == 0:
        return "".join(rng.choices(ALPHABET, k=rng.randrange(40)))
    if form == 1:
        return "".join(rng.choices(PIECES, k=rng.randrange(12)))
    text = oracle.text(tree(rng, 2, exact=False), lambda: rng.random() < 0.5)
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(PIECES) * rng.randrange(2) + text[at + rng.randrange(3) :]


def refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("an expression was run as code")


def test_random_texts_end_in_a_result_or_a_sentence(panel, monkeypatch):
    rng = random.Random(2)
    texts = [random_text(rng) for _ in range(CASES)]
    valid: dict[str, str] = {}
    with monkeypatch.context() as guarded:
        for place, name in (
            *((builtins, n) for n in ("eval", "exec", "compile", "open")),
            *((os, "system"), (subprocess, "Popen")),
        ):
            guarded.setattr(place, name, refuse)
        for number, text in enumerate(texts):
            try:
                parse({"f": text}, fields=FIELDS)
            except UserError as error:
                head, _, mark = str(error).split("\n")
                assert head.startswith("factor 'f', character ")
                assert mark.strip() == "^"
            else:
                valid[str(number)] = text
    assert 300 < len(valid) < CASES / 2
    names = list(valid)
    for first in range(0, len(names), TOGETHER):
        some = {
            name: valid[name] for name in names[first : first + TOGETHER] if "'" not in valid[name]
        }
        assert all(grid.shape == panel.shape for grid in evaluate(some, panel, "cpu").values())
