"""The nightly report: one HTML file that opens offline and needs nothing beside it.

Pure: the same night gives the same bytes. Both languages are inside; the page's own script only
switches, sorts and copies, and the page reads without it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tasks.errors import QilinError, UserError
from tasks.report import format as fmt
from tasks.report import states
from tasks.report.answers import answers, simulated
from tasks.report.blocks import Section, Table
from tasks.report.charts.canvas import COLOURS, DIVERGING
from tasks.report.night import Missing, Night
from tasks.report.sections import (
    cards,
    changes,
    factors,
    health,
    leaks,
    method,
    models,
    provenance,
    run,
    survivors,
    trials,
)
from tasks.report.words import Text, Words, capital, pick, scrub, shorten

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

#: the file never grows beyond this; charts and tables have their own limits far below
MAX_BYTES: Final = 3_000_000
#: what a script inside the page may weigh
MAX_SCRIPT: Final = 20_000

#: dark theme's values for the charts' colours
DARK: Final = {
    "ink": "#e8ebef",
    "muted": "#a3acb8",
    "line": "#343b45",
    "paper": "#14171c",
    "blue": "#56b4e9",
    "vermillion": "#ffb267",
    "grey": "#9ca3af",
    "purple": "#cc79a7",
    "shade": "#1f252d",
}
DARK_DIVERGING: Final = (
    "#a9d3f5",
    "#74b4e8",
    "#2f6ea8",
    "#1f4566",
    "#2a3038",
    "#57391b",
    "#8f5517",
    "#f0a860",
    "#ffcf98",
)
#: gains and losses, light then dark; the setting touches nothing else
UP_DOWN: Final[dict[str, tuple[tuple[str, str], tuple[str, str]]]] = {
    "neutral": (("#0072b2", "#b84a00"), ("#56b4e9", "#ffb267")),
    "red_up": (("#c62828", "#00796b"), ("#ff8a80", "#4db6ac")),
    "green_up": (("#00796b", "#c62828"), ("#4db6ac", "#ff8a80")),
}
_BUILDERS: Final[tuple[Callable[[Night], Section], ...]] = (
    changes.build,
    survivors.build,
    trials.build,
    cards.build,
    factors.build,
    models.build,
    health.build,
    leaks.build,
    run.build,
    provenance.build,
    method.build,
)
_UNIT: Final = re.compile(
    r"(?<=\d) (?=(?:%|bp|s|min|h|×|[kMG]?B|of|[万亿]?元|秒|分|小时)(?:[^A-Za-z]|$))"
)
#: dates, and values with their interval
_WHOLE: Final = re.compile(
    r"([(（]q [^()（）]*[)）]|\d{4}-\d\d-\d\d|[−+]?\d[\d.,]*(?:\u00a0%)? \[[−+\d., ]+\])"
)


def render(
    night: Night,
    previous: str | None = None,
    *,
    language: str = "en",
    up_color: str = "neutral",
    lineage: str = "",
) -> str:
    """The whole report as one HTML document.

    Args:
        night: what to show.
        previous: relative address of the previous night's report, if there is one.
        language: which of the two languages shows first.
        up_color: colours of gains and losses; states never change with it.
        lineage: relative address of the page that says how the night was computed, if there is one.

    Raises:
        UserError: if the language or the colours are unknown.
        QilinError: if the document is larger than `MAX_BYTES`.
    """
    _known("language", language, ("en", "zh"))
    _known("up_color", up_color, tuple(UP_DOWN))
    built = sections(night)
    page = (
        environment()
        .get_template("report.html.j2")
        .render(
            night=night,
            run=night.run,
            answers=answers(night),
            sections=built,
            anchors={"A": "summary"} | {s.letter: s.id for s in built},
            previous=previous,
            lineage=lineage,
            language=language,
            html_lang="zh-CN" if language == "zh" else "en",
            up_color=up_color,
            **themes(up_color),
            record=record(night),
            numbers=numbers_hash(night),
            provenance_line=_provenance_line(night),
        )
    )
    if (weight := len(page.encode())) > MAX_BYTES:
        raise QilinError(
            f"report of {night.run.day}/{night.run.name} weighs {fmt.size(weight)}, the limit is "
            f"{fmt.size(MAX_BYTES)}: show fewer rows, the CSV files beside it hold all"
        )
    return page


def _known(setting: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise UserError(f"report setting {setting} is {value!r}: use {', '.join(allowed)}")


def sections(night: Night) -> list[Section]:
    """B to L; data health and leak tests come first when they fail."""
    built = [build(night) for build in _BUILDERS]
    return sorted(built, key=lambda s: not (s.letter in "HI" and s.state == "FAIL"))


def numbers_hash(night: Night) -> str:
    """Hash of the night's own numbers, the same in every run of it; empty where it is not known."""
    known = night.provenance
    return "" if isinstance(known, Missing) else known.hashes.get("numbers", "")


def _canonical(value: Any) -> Any:
    """Whole floats as integers: 64.0 and 64 are the same number and must hash alike."""
    if isinstance(value, dict):
        return {key: _canonical(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_canonical(v) for v in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def record(night: Night) -> dict[str, Any]:
    """The provenance as JSON for the page: run, hashes, versions, and the hash of the numbers."""
    value = _canonical(night.to_json())
    return {
        "run": _scrubbed(value["run"]),
        "provenance": _scrubbed(value["provenance"]),
        "numbers_sha256": numbers_hash(night),
    }


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {scrub(str(k)): _scrubbed(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_scrubbed(v) for v in value]
    return value


def _provenance_line(night: Night) -> str:
    """One line for the foot of each printed page, safe inside a CSS string."""
    r = night.run
    label = " · simulated data" if r.simulated else ""
    line = (
        f"Qilin {r.day} {r.name}{label} · code {fmt.short_hash(r.commit)} · "
        f"data {fmt.short_hash(r.snapshot)} · {fmt.stamp(r.finished)}"
    )
    return re.sub(r"[^\w .:+·—-]", " ", scrub(line))


def themes(up_color: str) -> dict[str, dict[str, str]]:
    """CSS variables of the themes `light` and `dark`."""
    return {
        "light": _variables(COLOURS, DIVERGING, UP_DOWN[up_color][0]),
        "dark": _variables(DARK, DARK_DIVERGING, UP_DOWN[up_color][1]),
    }


def _variables(
    colours: Mapping[str, str], diverging: tuple[str, ...], up_down: tuple[str, str]
) -> dict[str, str]:
    """CSS variables of one theme."""
    return {
        **colours,
        **{f"d{i}": colour for i, colour in enumerate(diverging)},
        "up": up_down[0],
        "down": up_down[1],
    }


@functools.cache
def environment() -> Environment:
    """The templates, with what they may call."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        t=markup, svg=_svg, en=lambda w: scrub(pick(w)), zh=lambda w: scrub(pick(w, "zh"))
    )
    environment.globals.update(
        T=lambda en, zh: markup(Text(en, zh)),
        SIGN=states.SIGN,
        CHINESE=states.CHINESE,
        fmt=fmt,
        commit=provenance.commit,
        reasons=reasons,
        capital=capital,
        shorten=shorten,
        simulated=simulated,
    )
    return environment


def markup(words: Words) -> Markup:
    """Escaped words; both languages where they differ, one of them hidden by the style sheet."""
    from markupsafe import Markup

    english, chinese = (_unbroken(scrub(pick(words, side))) for side in ("en", "zh"))
    if english == chinese:
        return english
    pair = '<span class="en" lang="en">{}</span><span class="zh" lang="zh-CN">{}</span>'
    return Markup(pair).format(english, chinese)  # noqa: S704  # a constant, filled with escaping


def _unbroken(text: str) -> Markup:
    """Escaped, with numbers kept beside their units, and dates and intervals on one line."""
    from markupsafe import Markup, escape

    escaped = str(escape(_UNIT.sub("\u00a0", text)))
    return Markup(_WHOLE.sub(r'<span class="nb">\1</span>', escaped))  # noqa: S704  # escaped above


def _svg(picture: str) -> Markup:
    from markupsafe import Markup

    # Charts are made by `charts.canvas`, which writes every label through an XML serialiser.
    return Markup(picture)  # noqa: S704


def reasons(table: Table) -> list[Words]:
    """Why cells of a table are missing, each reason once."""
    found: dict[Words, None] = {}
    for row in table.rows:
        for cell in row:
            if cell.text == fmt.MISSING and cell.note:
                found[cell.note] = None
    return list(found)
