"""Skewness, kurtosis and mean deviation of nasty windows against exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tasks.data.panel import Panel
from tasks.indicators.expressions import evaluate

ROWS = 70
EPSILON = np.finfo(float).eps


def nasty() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 1, ROWS)
    outlier = noise.copy()
    outlier[25] = 1e6
    gaps = np.where(rng.random(ROWS) < 0.4, np.nan, 1e8 + noise)
    gaps[20:45] = np.nan
    gaps[0] = 1e8
    return {
        "far from zero": 1e8 + noise,
        "one outlier": outlier,
        "one outlier far from zero": 1e8 + outlier,
        "nearly flat": 100 + EPSILON * 64 * rng.integers(-3, 4, ROWS),
        "flat but for one": np.where(np.arange(ROWS) == 30, 7.25 + 1e-9, 7.25),
        "gaps": gaps,
        "every size": 10.0 ** rng.integers(-8, 13, ROWS),
    }


def exact(window: np.ndarray) -> tuple[float, float, float]:
    """Skewness, kurtosis and mean deviation without rounding, but for one square root."""
    values = [Fraction(float(v)) for v in window if np.isfinite(v)]
    c = len(values)
    if not c:
        return np.nan, np.nan, np.nan
    mean = sum(values) / c
    second, third, fourth = (sum((v - mean) ** p for v in values) for p in (2, 3, 4))
    deviation = float(sum(abs(v - mean) for v in values) / c)
    if not second:
        return (0.0 if c > 2 else np.nan), (-3.0 if c > 3 else np.nan), deviation
    skew = kurt = np.nan
    if c > 2:
        square = float(c * c * (c - 1) * third**2 / ((c - 2) ** 2 * second**3))
        skew = float(np.copysign(np.sqrt(square), float(third)))
    if c > 3:
        ratio = c * (c + 1) * fourth / second**2 - 3 * (c - 1)
        kurt = float((c - 1) * ratio / ((c - 2) * (c - 3)))
    return skew, kurt, deviation


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 20, 200])
def test_no_window_is_too_nasty(n):
    grids = nasty()
    close = np.column_stack(list(grids.values()))
    dates = np.datetime64("2020-01-01") + np.arange(ROWS)
    panel = Panel(dates, tuple(map(str, range(len(grids)))), {"close": close}, "adjusted")
    texts = {name: f"{name}($close, {n})" for name in ("Skew", "Kurt", "Mad")}
    ours = evaluate(texts, panel)
    for column, (name, x) in enumerate(grids.items()):
        wanted = np.array([exact(x[max(0, t - n + 1) : t + 1]) for t in range(ROWS)])
        size = np.nanmax(np.abs(x))
        for place, (which, room) in enumerate({"Skew": 1.0, "Kurt": 10.0, "Mad": size}.items()):
            found, right = ours[which][:, column], wanted[:, place]
            assert np.array_equal(np.isnan(found), np.isnan(right)), (name, which)
            bound = 100 * EPSILON * np.maximum(room, np.abs(right))
            worst = np.nanmax(np.abs(found - right) / bound, initial=0.0)
            assert worst <= 1.0, f"{which} of {name}: {worst:.1f} times the bound"


@pytest.mark.parametrize("name", ["Skew", "Kurt"])
def test_what_else_is_asked_changes_no_bit(name):
    close = np.column_stack(list(nasty().values()))
    dates = np.datetime64("2020-01-01") + np.arange(ROWS)
    panel = Panel(dates, tuple("ABCDEFG"), {"close": close}, "adjusted")
    texts = {n: f"{n}($close, 9)" for n in ("Skew", "Kurt")}
    alone = evaluate({name: texts[name]}, panel)[name]
    assert np.array_equal(alone.view(np.int64), evaluate(texts, panel)[name].view(np.int64))
