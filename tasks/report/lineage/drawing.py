"""The graph of steps and the workers' time as SVG, in the page's own colours.

Equal input gives equal bytes. Every mark is told in words too: the drawing has a title, each box
and bar its own, and a table beside it holds the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from xml.etree import ElementTree as Tree

from tasks.report import format as fmt
from tasks.report.lineage import layout
from tasks.report.lineage.graph import Span, Step
from tasks.report.words import Text, Words, pick, say, scrub, shorten

#: stage to the page's colour of it
STAGE_COLOURS: Final = {
    "load": "grey",
    "features": "blue",
    "backtest": "purple",
    "train": "vermillion",
    "report": "muted",
}
_WIDTH: Final = int(layout.WIDTH)
#: of a box: its height, and how many letters one of so many units holds
_HEIGHT: Final = 52
_LETTERS: Final = 32 / 236
_ROW: Final = 92
_LANE: Final = 30
_LEFT: Final = 118
_TICKS: Final = 6


def graph(steps: Sequence[Step]) -> str:
    """Boxes of the steps, first ones on top, with an arrow from each to what waits for it."""
    levels = 1 + max((step.level for step in steps), default=0)
    height = levels * _ROW - (_ROW - _HEIGHT) + 16
    title = Text("Steps of the night and what waits for what", "本次运行的步骤及其依赖")
    root = _root("graph", height, title)
    placed, by_name = layout.layout(steps), {step.name: step for step in steps}
    for step in sorted(steps, key=lambda s: s.critical):
        for before in step.after:
            heavy = step.critical and by_name[before].critical
            _arrow(root, placed, by_name[before], step, heavy=heavy)
    for step in steps:
        _box(root, step, placed.boxes[step.name], _top(step.level), placed.width)
    return Tree.tostring(root, encoding="unicode")


def timeline(spans: Sequence[Span], seconds: float) -> str:
    """A row per worker's thread, a bar per block; the last row holds what no worker computed.

    Args:
        spans: of `graph.spans`.
        seconds: the night's time.
    """
    lanes = [*sorted({s.lane for s in spans if s.lane}, key=int)]
    lanes += [""] * any(not s.lane for s in spans)
    height = len(lanes) * _LANE + 44
    title = Text("When each block was worked on, by worker", "各分块在各工作线程上的时间")
    root = _root("timeline", height, title)
    scale = (_WIDTH - _LEFT - 12) / max(seconds, 1e-9)
    _axis(root, seconds, scale, len(lanes) * _LANE)
    for row, lane in enumerate(lanes):
        y = row * _LANE + 4
        name = Text(f"worker {lane}", f"线程 {lane}") if lane else Text("no worker", "非线程")
        _label(root, 4, y + 16, name, size=13)
        for span in spans:
            if span.lane == lane:
                _bar(root, span, y, scale)
    return Tree.tostring(root, encoding="unicode")


def _top(level: int) -> float:
    """Upper edge of a row of boxes."""
    return 8.0 + level * _ROW


def _box(root: Tree.Element, step: Step, x: float, y: float, width: float) -> None:
    group = Tree.SubElement(root, "g")
    _add(group, "title").text = step.label
    edge = "ink" if step.critical else "line"
    _rect(group, x, y, width, _HEIGHT, fill="var(--raised)", stroke=f"var(--{edge})",
          width=2 if step.critical else 1)  # fmt: skip
    _rect(group, x, y, 6, _HEIGHT, fill=_colour(step.stage))
    count = f" × {step.blocks}" if step.blocks > 1 else ""
    label = shorten(step.label, int(width * _LETTERS) - len(count))
    _label(group, x + 16, y + 21, label, size=13, more=count, weight="600")
    _label(group, x + 16, y + 40, outcome(step), size=12, colour="muted")


def outcome(step: Step) -> Words:
    """`✓ 35 s, 12 computed, 4 found`."""
    sign = "✕" if step.failed else "✓" if step.computed or step.cached else "–"
    return say(
        "{sign} {time}{computed}{cached}{failed}",
        "{sign} {time}{computed}{cached}{failed}",
        sign=sign,
        time=fmt.duration(step.seconds) if step.computed else "",
        computed=_count(step.computed, Text("computed", "计算"), first=False),
        cached=_count(step.cached, Text("found", "复用"), first=not step.computed),
        failed=_count(step.failed, Text("failed", "失败"), first=not step.computed + step.cached),
    )


def _count(n: int, what: Text, *, first: bool) -> Words:
    if not n:
        return ""
    comma = Text("", "") if first else Text(", ", "，")
    return say("{c}{n} {w}", "{c}{w} {n}", c=comma, n=str(n), w=what)


def _arrow(
    root: Tree.Element, placed: layout.Layout, before: Step, step: Step, *, heavy: bool
) -> None:
    """From box to box, straight through the rows between and curved from row to row."""
    edge = (before.name, step.name)
    x, end = placed.ports[edge]
    y = _top(before.level) + _HEIGHT
    curve = f"M{x:.1f} {y:g}"
    for row, to in enumerate((*placed.lanes[edge], end), start=before.level + 1):
        top = _top(row)
        bend = (top - y) / 2
        curve += f"C{x:.1f} {y + bend:g} {to:.1f} {top - bend:g} {to:.1f} {top:g}"
        x, y = to, top + _HEIGHT
        if row < step.level:
            curve += f"V{y:g}"
    x2, y2 = end, _top(step.level)
    stroke = "var(--ink)" if heavy else "var(--muted)"
    _add(root, "path", d=curve, fill="none", stroke=stroke, stroke_width=2.2 if heavy else 1,
         stroke_opacity=1 if heavy else 0.55)  # fmt: skip
    head = f"M{x2 - 4:.1f} {y2 - 7:g}L{x2:.1f} {y2:g}L{x2 + 4:.1f} {y2 - 7:g}"
    _add(root, "path", d=head, fill="none", stroke=stroke, stroke_width=1.6)


def _axis(root: Tree.Element, seconds: float, scale: float, bottom: float) -> None:
    """Grid lines at round times since the night's start."""
    for at in round_times(seconds):
        x = _LEFT + at * scale
        _add(root, "path", d=f"M{x:.1f} 0V{bottom + 6:g}", stroke="var(--line)", stroke_width=1)
        anchor = "middle" if at else "start"
        _label(root, x, bottom + 24, fmt.duration(at), size=12, colour="muted", anchor=anchor)


def round_times(seconds: float) -> list[float]:
    """At most a handful of round times from 0 up to the given one."""
    steps = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200)
    step = next((s for s in steps if seconds / s <= _TICKS), 86400)
    return [float(at) for at in range(0, int(seconds) + 1, step)]


def _bar(root: Tree.Element, span: Span, y: float, scale: float) -> None:
    x, width = _LEFT + span.start * scale, max(span.seconds * scale, 1.5)
    hollow = not span.lane
    colour = "var(--fail)" if span.state == "failed" else _colour(span.stage)
    group = Tree.SubElement(root, "g")
    told = say("{b}: from {s}, {t}", "{b}：始于 {s}，用时 {t}", b=span.label,
               s=fmt.duration(span.start), t=fmt.duration(span.seconds))  # fmt: skip
    _add(group, "title").text = scrub(pick(told))
    _rect(group, x, y, width, _LANE - 8, fill="none" if hollow else colour, stroke=colour)
    if not hollow and width > 60:
        _label(group, x + 5, y + 15, shorten(span.label, int(width / 7)), size=11.5, colour="paper")


def _colour(stage: str) -> str:
    return f"var(--{STAGE_COLOURS.get(stage, 'muted')})"


def _root(name: str, height: float, title: Words) -> Tree.Element:
    root = Tree.Element("svg", {"viewBox": f"0 0 {_WIDTH} {height:g}", "role": "img",
                                "class": "chart", "aria-labelledby": f"{name}-t"})  # fmt: skip
    _add(root, "title", id=f"{name}-t").text = f"{pick(title)} / {pick(title, 'zh')}"
    return root


def _rect(
    parent: Tree.Element, x: float, y: float, w: float, h: float, *, fill: str,
    stroke: str = "none", width: float = 1,
) -> None:  # fmt: skip
    _add(parent, "rect", x=f"{x:.1f}", y=f"{y:.1f}", width=f"{w:.1f}", height=f"{h:g}", rx=2,
         fill=fill, stroke=stroke, stroke_width=width)  # fmt: skip


def _label(
    parent: Tree.Element, x: float, y: float, words: Words, *, size: float, more: str = "",
    colour: str = "ink", weight: str = "400", anchor: str = "start",
) -> None:  # fmt: skip
    """Words once, or once in each language where they differ."""
    sides = [(scrub(pick(words, side)) + more, side) for side in ("en", "zh")]
    same = sides[0][0] == sides[1][0]
    for text, side in sides[:1] if same else sides:
        extra = {} if same else {"class": side}
        _add(parent, "text", x=f"{x:.1f}", y=f"{y:.1f}", fill=f"var(--{colour})", font_size=size,
             font_weight=weight, text_anchor=anchor, **extra).text = text  # fmt: skip


def _add(parent: Tree.Element, tag: str, **attributes: Any) -> Tree.Element:
    named: Iterable[tuple[str, Any]] = attributes.items()
    return Tree.SubElement(parent, tag, {k.replace("_", "-"): str(v) for k, v in named})
