"""The closing table of a night in the terminal: a pure function of the night.

80 columns, aligned by what characters really take on the screen, plain ASCII where the terminal
has no more, colours only where they are wanted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final, TextIO

from rich.cells import cell_len, set_cell_size
from rich.style import Style

from tasks.report import format as fmt
from tasks.report import verdict
from tasks.report.night import Missing, Night, Stage
from tasks.report.states import State
from tasks.report.words import Language, Text, Words, is_empty, pick, say, scrub

_STYLES: Final[dict[str, Style]] = {
    "PASS": Style.parse("green"),
    "WARN": Style.parse("bold yellow"),
    "FAIL": Style.parse("bold red"),
    "SKIP": Style.parse("dim"),
    "UNKNOWN": Style.parse("dim"),
}
_ASCII: Final = str.maketrans(
    {
        "—": "-", "–": "-", "−": "-", "×": "x", "≤": "<=", "≥": ">=", "√": "sqrt ", "±": "+/-",
        "·": "|", "…": "...", "▲": "^", "▼": "v", "→": "->", "“": '"', "”": '"', "¥": "CNY ",
        "✓": "+", "✕": "x", "’": "'", "\u00a0": " ",
    }
)  # fmt: skip
_HEADS: Final = (
    Text("stage", "阶段"), Text("state", "状态"), Text("done", "完成"), Text("time", "用时"),
    Text("note", "说明"),
)  # fmt: skip
#: stage, state, done, time; the note takes the rest
_WIDTHS: Final = (10, 7, 16, 12)
#: locales that promise no more than ASCII
_PLAIN_LOCALES: Final = ("C", "POSIX")


@dataclasses.dataclass(frozen=True)
class _Screen:
    """What the terminal can show; every text is made plain before it is measured and cut."""

    language: Language
    width: int
    color: bool
    ascii_only: bool

    def text(self, words: Words) -> str:
        """One side of the words, on one line."""
        line = " ".join(scrub(pick(words, self.language)).split())
        if not self.ascii_only:
            return line
        return line.translate(_ASCII).encode("ascii", "replace").decode("ascii")

    def cut(self, text: str, room: int) -> str:
        """A text that fits, ending with an ellipsis where something is missing."""
        if cell_len(text) <= room:
            return text
        dots = "..." if self.ascii_only else "…"
        return set_cell_size(text, max(room - len(dots), 0)).rstrip() + dots

    def row(self, cells: Sequence[str]) -> str:
        """Cells in their columns; the last takes what is left."""
        line = " "
        for cell, room in zip(cells, _WIDTHS, strict=False):
            line += set_cell_size(self.cut(cell, room - 1), room)
        return line + self.cut(cells[len(_WIDTHS)], self.width - cell_len(line))

    def paint(self, state: State, width: int) -> str:
        """The state's word, padded, coloured on request."""
        padded = state.ljust(width)
        return _STYLES[state].render(state) + padded[len(state) :] if self.color else padded


def closing(
    night: Night,
    *,
    report: str = "",
    language: Language = "en",
    width: int = 80,
    color: bool = False,
    ascii_only: bool = False,
) -> str:
    """The closing table: headline, stages, problems once more, report's path, next command.

    The last line is the path, or after a failure what to type next.

    Args:
        night: the night that ended.
        report: path of the report.
        language: of the sentences; ASCII terminals get English.
        width: columns of the terminal; no line is wider, except paths and commands.
        color: colour the states with ANSI codes.
        ascii_only: replace every other character.
    """
    screen = _Screen("en" if ascii_only else language, width, color, ascii_only)
    lines = [_headline(night, screen)]
    if night.stages:
        lines.append(screen.row([screen.text(head) for head in _HEADS]))
        lines += [_stage(stage, night, screen) for stage in night.stages]
    lines += _problems(night, screen)
    last = [f"{screen.text(Text('report', '报告'))}: {report}"] if report else []
    for action in verdict.actions(night)[:1]:
        if action.command:
            line = f"{screen.text(Text('next', '下一步'))}: {screen.text(action.command)}"
            last.insert(len(last) if action.state == "FAIL" else 0, line)
    return "\n".join(line.rstrip() for line in [*lines, *last])


def _headline(night: Night, screen: _Screen) -> str:
    run = night.run
    label = "  " + screen.text(Text("simulated data", "模拟数据")) if run.simulated else ""
    name = f"{run.flow} {run.day} {screen.text(run.size)}"
    time = screen.text(fmt.duration(run.seconds))
    return f"{screen.paint(verdict.state(night), 6)}{name}    {time}{label}"


def _stage(stage: Stage, night: Night, screen: _Screen) -> str:
    cells = (
        stage.name,
        stage.state,
        fmt.MISSING if is_empty(stage.done) else stage.done,
        fmt.duration(stage.seconds),
        _note(stage, night),
    )
    plain = screen.row([screen.text(cell) for cell in cells])
    if not screen.color:
        return plain
    start = 1 + _WIDTHS[0]
    end = start + len(stage.state)
    return plain[:start] + screen.paint(stage.state, 0) + plain[end:]


def _note(stage: Stage, night: Night) -> Words:
    """The stage's own note, else why it fell back, else what survived the backtest."""
    if stage.note:
        return stage.note
    if verdict.fell_back(stage):
        return say(
            "{u} used, {a} asked: {r}",
            "使用 {u}，要求 {a}：{r}",
            u=stage.device.upper(),
            a=stage.asked.upper(),
            r=night.run.device_reason or Text("no reason given", "未说明原因"),
        )
    if stage.name == "backtest" and stage.state != "FAIL" and not isinstance(night.trials, Missing):
        return say(
            "{n} survive (FDR {l})",
            "{n} 通过（FDR {l}）",
            n=fmt.of(night.trials.count("SURVIVES"), night.trials.tried),
            l=fmt.level(night.trials.level),
        )
    return ""


def _problems(night: Night, screen: _Screen) -> list[str]:
    return [
        screen.paint(p.state, 6) + screen.cut(screen.text(p.what), screen.width - 6)
        for p in verdict.problems(night)
    ]


def wants_color(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a stream is a terminal that shows colours; `NO_COLOR` always wins."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def needs_ascii(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a closing table's characters are lacking in a stream's encoding or in the locale.

    Python writes UTF-8 even where the locale says C; a terminal that was told C may not read it.
    """
    names = (environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    if next((name for name in names if name), "") in _PLAIN_LOCALES:
        return True
    try:
        "—−×✓中".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False
