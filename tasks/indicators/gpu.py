"""Indicators and factors on a GPU: the groups of kernels that serve there, and their proofs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import parity, serving
from tasks.arrays.devices import Device

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.arrays.benches import Bench
    from tasks.data.panel import Panel

    Compute = Callable[[Panel, Bench], list[NDArray[Any]]]

#: periods beside the defaults: one that is shorter than any history, and the shortest there is
OTHER_PERIODS = (7, 2)


def on_device(
    compute: Compute, panel: Panel, device: Device, group: serving.Group
) -> tuple[list[NDArray[Any]], Device]:
    """What `compute` gives for the panel on a device, and the device that was used and why."""
    return serving.on_device(functools.partial(compute, panel), device, group)


def technical_cases() -> Mapping[Any, list[parity.Case]]:
    """Calls of every kernel of the technical indicators, with their defaults and short periods."""
    from tasks.indicators import technical
    from tasks.indicators.lanes import Indicator, on_tiles

    recorder, bars = parity.Recorder(), parity.inputs()
    for name in technical.__all__:
        made = getattr(technical, name)
        if not isinstance(made, Indicator):
            continue
        grids = [bars[given] for given in made.inputs]
        for periods in _periods(made.defaults, made.minima):
            formula = functools.partial(_call, made.on_tile, periods)
            on_tiles(grids, formula, bench=recorder)
    return recorder.cases


def expression_cases() -> Mapping[Any, list[parity.Case]]:
    """Calls of every kernel of the factor language, of all its operators and kinds of windows."""
    from tasks.data.panel import Panel
    from tasks.indicators.expressions import evaluating
    from tasks.indicators.expressions.operators import OPERATORS

    words = {"x": "$close", "n": "7", "q": "0.3", "s": "'A'", "g": "$open"}
    texts = {n: f"{n}({', '.join(words[a] for a in o.arguments)})" for n, o in OPERATORS.items()}
    windowed = {n: t for n, t in texts.items() if "n" in OPERATORS[n].arguments}
    for days in ("0", "3"):
        texts |= {n + days: t.replace("7", days) for n, t in windowed.items()}
    bars, recorder = parity.inputs(), parity.Recorder()
    dates = np.datetime64("2020-01-01") + np.arange(len(bars["close"]))
    panel = Panel(dates, tuple("ABCDE"[: bars["close"].shape[1]]), bars, "adjusted")
    evaluating.compute(texts, panel, recorder)
    return recorder.cases


TECHNICAL = serving.Group("technical indicators", technical_cases)
EXPRESSIONS = serving.Group("factor expressions", expression_cases)


def _periods(defaults: Mapping[str, Any], minima: Mapping[str, int]) -> list[dict[str, Any]]:
    """The defaults, and all periods short."""
    whole = {n: v for n, v in defaults.items() if isinstance(v, int)}
    short = [{n: max(period, minima.get(n, 1)) for n in whole} for period in OTHER_PERIODS]
    return [dict(defaults), *({**defaults, **periods} for periods in short if whole)]


def _call(formula: Any, parameters: Mapping[str, Any], tile: Any, *series: Any) -> Any:
    return formula(tile, *series, **parameters)
