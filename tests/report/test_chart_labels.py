"""What is printed on a chart lies beside the marks and not on them."""

import dataclasses
import re
from xml.etree import ElementTree

import pytest

from tasks.report.charts import trials, years
from tasks.report.night import Night
from tasks.report.research import Estimate, Portfolio, YearReturn
from tasks.report.trials import Trials

#: units above and below the foot of a printed number that its digits take
ABOVE, BELOW = 9.0, 2.0


def texts(svg: str) -> dict[str, float]:
    """What is printed, and the height of its foot."""
    found = {}
    for element in ElementTree.fromstring(svg).iter("text"):
        moved = re.search(r"translate\(\S+ (\S+)\)", element.attrib.get("transform", ""))
        y = float(element.attrib["y"]) if "y" in element.attrib else 0.0
        found[element.text or ""] = y + (float(moved.group(1)) if moved else 0.0)
    return found


def heavy_lines(svg: str) -> list[float]:
    """Heights of the level lines of two units, which are the benchmark's."""
    paths = [e.attrib for e in ElementTree.fromstring(svg).iter("path")]
    bold = [p["d"] for p in paths if "stroke-width:2;" in p.get("style", "") + ";"]
    ends = [[float(v) for v in re.findall(r"-?[\d.]+", d)] for d in bold]
    return [e[1] for e in ends if len(e) == 4 and e[1] == e[3]]


@pytest.mark.parametrize(
    ("net", "benchmark"),
    [(-0.076, -0.148), (-0.076, -0.16), (0.076, 0.148), (0.076, 0.19), (0.05, -0.2), (0.05, 0.02)],
)
def test_a_years_value_is_not_struck_through(net: float, benchmark: float) -> None:
    rows = (
        YearReturn(year=2025, net=0.006, benchmark=0.028, error=0.069),
        YearReturn(year=2026, net=net, benchmark=benchmark, error=0.069),
    )
    svg = years.years(Portfolio(name="p", dates=("2026-01-05",), net=(1.0,), years=rows), "y").svg
    printed = next(y for text, y in texts(svg).items() if f"{abs(100 * net):.1f}" in text)
    lines = heavy_lines(svg)
    assert len(lines) == 2
    assert all(not printed - ABOVE < line < printed + BELOW for line in lines)


@pytest.mark.parametrize("best", [-2.5, -0.4, 0.3, 0.64, 2.9])
def test_the_best_trial_is_named_above_the_picture(full: Night, best: float) -> None:
    assert isinstance(full.trials, Trials)
    chosen = dataclasses.replace(
        full.trials, best=Estimate(best, None, None, 1), noise_best=Estimate(0.65, 0.1, 1.2, 1)
    )
    printed = texts(trials.histogram(chosen).svg)
    seen = next(y for text, y in printed.items() if text.startswith("best seen"))
    noise = next(y for text, y in printed.items() if text.startswith("best of noise"))
    assert 0 < seen - ABOVE < seen + BELOW < noise - ABOVE, "one above the other"
    assert noise < 44, "both above the axes"
