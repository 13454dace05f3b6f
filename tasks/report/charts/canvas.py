"""The drawing surface: matplotlib draws, and its SVG becomes a small themed part of the page.

Colours are drawn in the light theme's values and replaced by CSS variables, so dark mode and print
are the page's business. Text stays text, in the reader's fonts, in both languages: each label is
drawn once for its layout and written twice. Nothing in the SVG depends on time or machine, so
equal input gives equal bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

import numpy as np

from tasks.report.words import Text, Words, pick, scrub

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

#: name to the light theme's colour; the page defines a variable of the same name for each theme
COLOURS: Final[dict[str, str]] = {
    "ink": "#1b2027",
    "muted": "#5b6470",
    "line": "#d9dde3",
    "paper": "#fefefe",
    "blue": "#0072b2",
    "vermillion": "#b84a00",
    "grey": "#6b7280",
    "purple": "#8e4585",
    "up": "#0072b3",
    "down": "#b84a01",
    "shade": "#eef2f6",
}
#: blue - white - orange, nine steps, for signed values; the middle is the page's own ground
DIVERGING: Final = (
    "#08519c",
    "#2f6ea8",
    "#7fb0d6",
    "#c3dcee",
    "#f6f6f4",
    "#fbdcbb",
    "#f3b070",
    "#b85c00",
    "#7f3f00",
)
MAX_POINTS: Final = 600

_SVG: Final = "{http://www.w3.org/2000/svg}"
_LINK: Final = "{http://www.w3.org/1999/xlink}href"
_VARIABLES: Final = {c: f"var(--{n},{c})" for n, c in COLOURS.items()} | {
    c: f"var(--d{i},{c})" for i, c in enumerate(DIVERGING)
}
_NUMBER: Final = re.compile(r"-?\d+\.\d{2,}")
_HEX: Final = re.compile(r"#[0-9a-f]{6}")
_REFERENCE: Final = re.compile(r"url\(#([^)]+)\)")
_STYLE: Final = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "font.family": "DejaVu Sans",
    "font.size": 12,
    "path.simplify": False,
    "hatch.linewidth": 0.7,
}


class Canvas:
    """One picture of `width` x `height` units with one or more axes below each other."""

    def __init__(
        self,
        name: str,
        width: int = 500,
        height: int = 280,
        *,
        heights: Sequence[float] = (1,),
        columns: int = 1,
        left: int = 62,
        right: int = 16,
        top: int = 14,
        bottom: int = 42,
        gap: float = 0.16,
    ) -> None:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        self.name = name
        self._labels: dict[str, Text] = {}
        self._size = (width, height)
        with mpl.rc_context(_STYLE):  # type: ignore[arg-type]  # the stubs list literal keys only
            self.figure = Figure(figsize=(width / 72, height / 72), dpi=72)
            FigureCanvasSVG(self.figure)
            grid = self.figure.add_gridspec(
                len(heights),
                columns,
                height_ratios=list(heights),
                left=left / width,
                right=1 - right / width,
                top=1 - top / height,
                bottom=bottom / height,
                hspace=gap,
                wspace=0.12,
            )
            cells = range(len(heights) * columns)
            self.axes: list[Axes] = [self.figure.add_subplot(grid[i]) for i in cells]
            for axes in self.axes:
                _plain(axes)

    @property
    def ax(self) -> Axes:
        """The first axes."""
        return self.axes[0]

    def words(self, words: Words) -> str:
        """Register a label; the string to draw in its place, as wide as the words."""
        text = Text(scrub(pick(words, "en")), scrub(pick(words, "zh")))
        drawn = "".join(c if " " <= c < "\x7f" or c in "−±×·–—" else "WW" for c in text.en) or " "
        while self._labels.get(drawn, text) != text:
            drawn += "."
        self._labels[drawn] = text
        return drawn

    def label(self, axes: Axes, *, x: Words = "", y: Words = "") -> None:
        """Name the axes, with their units."""
        if x:
            axes.set_xlabel(self.words(x), color=COLOURS["muted"], fontsize=12)
        if y:
            axes.set_ylabel(self.words(y), color=COLOURS["muted"], fontsize=12)

    def note(self, axes: Axes, x: float, y: float, words: Words, **style: Any) -> None:
        """Write words at a point of the axes."""
        style.setdefault("color", COLOURS["ink"])
        style.setdefault("fontsize", 12)
        axes.text(x, y, self.words(words), **style)

    def ticks(self, axes: Axes, at: Sequence[float], labels: Sequence[Words], which: str) -> None:
        """Set the ticks of the x or y axis with their printed labels."""
        drawn = [self.words(label) for label in labels]
        if which == "x":
            axes.set_xticks(list(at), drawn)
        else:
            axes.set_yticks(list(at), drawn)

    def svg(self, finding: Words, question: Words) -> str:
        """The finished picture as inline SVG with title and description."""
        import matplotlib as mpl

        buffer = io.StringIO()
        with mpl.rc_context(_STYLE | {"svg.hashsalt": self.name}):  # type: ignore[arg-type]
            self.figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
        # The bytes come from matplotlib a line above, never from outside.
        root = ElementTree.fromstring(buffer.getvalue().split("\n", 3)[3])  # noqa: S314
        return self._page_svg(root, Text(pick(finding), pick(finding, "zh")), question)

    def _page_svg(self, root: ElementTree.Element, finding: Words, question: Words) -> str:
        for child in list(root):
            if child.tag.endswith("metadata"):
                root.remove(child)
        self._drop_global_style(root)
        used = {m for e in root.iter() for v in e.attrib.values() for m in _REFERENCE.findall(v)}
        used |= {e.attrib[_LINK][1:] for e in root.iter() if _LINK in e.attrib}
        for parent in root.iter():
            self._write_labels(parent)
        for element in root.iter():
            self._clean(element, used)
        width, height = self._size
        root.attrib.clear()
        root.attrib.update(
            {
                "viewBox": f"0 0 {width} {height}",
                "role": "img",
                "class": "chart",
                "aria-labelledby": f"{self.name}-t {self.name}-d",
            }
        )
        self._describe(root, finding, question)
        return _unnested(ElementTree.tostring(root, encoding="unicode"))

    def _drop_global_style(self, root: ElementTree.Element) -> None:
        for defs in root.findall(f"{_SVG}defs"):
            for style in defs.findall(f"{_SVG}style"):
                defs.remove(style)
            if len(defs) == 0:
                root.remove(defs)

    def _write_labels(self, parent: ElementTree.Element) -> None:
        """Replace each drawn label by its words, twice where the languages differ."""
        for child in list(parent):
            if child.tag != f"{_SVG}text":
                continue
            text = self._labels.get(child.text or "")
            if text is None:
                continue
            child.text = text.en
            if text.en != text.zh:
                twin = ElementTree.Element(child.tag, dict(child.attrib))
                twin.text = text.zh
                child.set("class", "en")
                twin.set("class", "zh")
                parent.insert(list(parent).index(child) + 1, twin)

    def _clean(self, element: ElementTree.Element, used: set[str]) -> None:
        element.tag = element.tag.removeprefix(_SVG)
        element.tail = None
        if element.text and not element.text.strip():
            element.text = None
        if (name := element.attrib.pop("id", "")) in used:
            element.set("id", f"{self.name}-{name}")
        if _LINK in element.attrib:
            element.set("href", f"#{self.name}-{element.attrib.pop(_LINK)[1:]}")
        for key, value in element.attrib.items():
            if key in ("class", "id", "href"):
                continue
            own = _REFERENCE.sub(rf"url(#{self.name}-\1)", value)
            if key in ("d", "x", "y", "transform", "points", "width", "height"):
                own = _NUMBER.sub(_rounded, own)
            if key == "d":
                own = _short_path(own)
            element.set(key, own)
        if element.attrib.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        if "style" in element.attrib:
            _style(element)

    def _describe(self, root: ElementTree.Element, finding: Words, question: Words) -> None:
        """Title and description for readers who hear the page, in both languages."""
        for position, (tag, words, suffix) in enumerate(
            (("title", finding, "t"), ("desc", question, "d"))
        ):
            element = ElementTree.Element(tag, {"id": f"{self.name}-{suffix}"})
            english, chinese = pick(words), pick(words, "zh")
            element.text = scrub(english if english == chinese else f"{english} / {chinese}")
            root.insert(position, element)


def _short_path(path: str) -> str:
    """The same path: points after the first need no `L` where there are only straight lines."""
    one_line = path.replace("\n", "")
    return one_line.replace("L ", "") if set(one_line) & set("CQSA") == set() else one_line


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match.group()):.1f}".removesuffix(".0")


def _style(element: ElementTree.Element) -> None:
    """Colours to variables, no font families, no default line joins."""
    kept = []
    for declaration in element.attrib["style"].split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name in ("font-family", "stroke-linejoin", "stroke-linecap", "stroke-miterlimit", ""):
            continue
        if name == "font":
            kept.extend(_font(value))
            continue
        kept.append(f"{name}:{_HEX.sub(lambda m: _VARIABLES.get(m.group(), m.group()), value)}")
    element.set("style", ";".join(kept))


def _font(shorthand: str) -> list[str]:
    """Weight and size of a font shorthand; the family is the reader's."""
    found = re.match(r"(?:(bold|\d{3}) )?(?:.*?)([\d.]+px)", shorthand)
    if found is None:
        return []
    weight = [f"font-weight:{found.group(1)}"] if found.group(1) else []
    return [*weight, f"font-size:{found.group(2)}"]


def _unnested(svg: str) -> str:
    """Without groups that do nothing."""
    before = ""
    while before != svg:
        before = svg
        svg = re.sub(r"<g>((?:<(?:path|use|text)\b[^<>]*?(?:/>|>[^<]*</text>))*)</g>", r"\1", svg)
        svg = svg.replace("<g />", "").replace("<defs />", "")
    return svg


def _plain(axes: Axes) -> None:
    """A quiet frame: no box, a faint grid behind, ticks without marks."""
    axes.set_facecolor("none")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOURS["line"])
    axes.tick_params(length=0, colors=COLOURS["muted"], labelsize=11, pad=5)
    axes.grid(visible=True, axis="y", color=COLOURS["line"], linewidth=0.8)
    axes.set_axisbelow(True)


def zero_line(axes: Axes, axis: str = "y", at: float = 0.0) -> None:
    """A visible line at zero (or one, for growth)."""
    draw = axes.axhline if axis == "y" else axes.axvline
    draw(at, color=COLOURS["muted"], linewidth=1.1, zorder=1.5)


def thin(values: NDArray[np.float64], limit: int = MAX_POINTS) -> NDArray[np.intp]:
    """Indices that keep each stretch's lowest and highest value, at most `limit` of them.

    First and last stay; a shorter line stays whole. NaN is kept only where a stretch has nothing
    else.
    """
    total = len(values)
    if total <= limit:
        return np.arange(total)
    stretches = np.array_split(np.arange(1, total - 1), (limit - 2) // 2)
    chosen = {0, total - 1}
    for stretch in stretches:
        part = values[stretch]
        if np.all(np.isnan(part)):
            chosen.add(int(stretch[0]))
            continue
        chosen.add(int(stretch[np.nanargmin(part)]))
        chosen.add(int(stretch[np.nanargmax(part)]))
    return np.array(sorted(chosen), dtype=np.intp)


def date_ticks(dates: Sequence[str], most: int = 7) -> tuple[list[int], list[str]]:
    """Positions and labels for an axis of sessions: year starts, or months for short spans."""
    years = [i for i, d in enumerate(dates) if i > 0 and d[:4] != dates[i - 1][:4]]
    if len(years) >= 3:
        step = max(1, -(-len(years) // most))
        chosen = years[::step]
        return chosen, [dates[i][:4] for i in chosen]
    months = [i for i, d in enumerate(dates) if i > 0 and d[:7] != dates[i - 1][:7]]
    if len(months) >= 2:
        step = max(1, -(-len(months) // most))
        chosen = months[::step]
        return chosen, [dates[i][:7] for i in chosen]
    chosen = sorted({0, len(dates) // 2, len(dates) - 1}) if dates else []
    return chosen, [dates[i] for i in chosen]
