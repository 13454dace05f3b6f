"""Leak check of a user's factor file: one finding for each factor, on bars like the night's."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.data.gate import gate
from tasks.errors import UserError
from tasks.indicators import userfactors
from tasks.indicators.expressions.evaluating import evaluate
from tasks.validation.cuts import sample
from tasks.validation.leaks import CHANGES, Leak, check

if TYPE_CHECKING:
    from tasks.data.bars import Bars
    from tasks.data.config import GateConfig
    from tasks.data.panel import Panel
    from tasks.indicators.userfactors import UserFactors
    from tasks.validation.cuts import Cut

    Compute = Callable[[Panel], Mapping[str, Any]]

#: first hidden days that are tried with every change of the future
CUTS = 8


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was found about one name of the file.

    Attributes:
        name: of the factor or label.
        state: PASS, FAIL, or SKIP for what may look ahead.
        found: in words; of a leak the first cell that changed.
    """

    name: str
    state: Literal["PASS", "FAIL", "SKIP"]
    found: str


def check_factors(factors: UserFactors, bars: Bars, config: GateConfig) -> list[Finding]:
    """Compute every factor with other futures, and compare the past.

    Args:
        factors: of a file that has been read.
        bars: as a source gives them; a sample of them is looked at.
        config: of the quality gate that they pass first.

    Returns:
        Findings in the file's order, factors before labels.

    Raises:
        UserError: what the user's code raises, or a history too short to cut.
    """
    part = sample(bars)
    panel = gate(part.bars, config).panel().adjusted()
    if len(panel.dates) < 20:
        raise UserError(
            f"source {panel.source!r} has {len(panel.dates)} sessions up to that day, a leak check "
            "needs 20 at least: choose a later day or more history"
        )
    days, early = _rows(part.cuts, panel), _rows(part.early, panel)
    cuts = [days[i] for i in sorted({*np.linspace(0, len(days) - 1, CUTS).astype(int).tolist()})]
    found: list[Finding] = []
    if factors.expressions:
        found += _findings(*_computed(factors, panel), cuts, early)
    if factors.code is not None:
        with warnings.catch_warnings():  # numpy's, of days without a number, once for each cut
            warnings.simplefilter("ignore", RuntimeWarning)
            found += _findings(*_called(factors, panel), cuts, early)
    ahead = "a label: it may look ahead, and is never a factor"
    return [*found, *(Finding(name, "SKIP", ahead) for name in factors.labels)]


def _rows(cuts: tuple[Cut, ...], panel: Panel) -> list[int]:
    """Rows of the first hidden days, where the panel has days before and after them."""
    rows = {int(np.searchsorted(panel.dates, cut.day)) for cut in cuts}
    return sorted(row for row in rows if 0 < row < len(panel.dates))


def _computed(factors: UserFactors, panel: Panel) -> tuple[Compute, Panel]:
    def compute(bars: Panel) -> Mapping[str, Any]:
        try:
            return evaluate(factors.expressions, bars, "cpu")
        except UserError as error:
            raise UserError(
                f"{factors.file.name}: {error}" if factors.file else str(error)
            ) from error

    return compute, panel


def _called(factors: UserFactors, panel: Panel) -> tuple[Compute, Panel]:
    file = factors.file
    assert file is not None
    return lambda bars: userfactors.compute(file, bars), panel.stocks()


def _findings(
    compute: Compute, panel: Panel, cuts: list[int], early: list[int]
) -> Iterator[Finding]:
    report = check(compute, panel, cuts=cuts, early=early)
    first, again = compute(panel), compute(panel)
    leaks: dict[str, Leak] = {}
    for leak in report.leaks:
        leaks.setdefault(leak.name, leak)
    clean = f"the past stays as it is at {len(report.cuts)} cuts, the future {_ways()}"
    for name, values in first.items():
        same = name in again and np.array_equal(values, again[name], equal_nan=True)
        if not same:
            yield Finding(name, "FAIL", "gives other numbers for the same bars: fix its seed")
        elif name in leaks:
            yield Finding(name, "FAIL", _cell(leaks[name]))
        else:
            yield Finding(name, "PASS", clean)


def _ways() -> str:
    *most, last = CHANGES
    return f"{', '.join(most)} or {last}"


def _cell(leak: Leak) -> str:
    before, after = leak.values
    return (
        f"uses the future: {leak.symbol} on {leak.date} is {before}, and "
        f"{after} with the bars from {leak.cut} on {leak.change}"
    )
