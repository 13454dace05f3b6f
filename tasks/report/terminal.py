"""The closing table of a night in the terminal: a pure function of the night.

80 columns, aligned by what characters really take on the screen, plain ASCII where the terminal
has no more, colours only where they are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TextIO

from rich.cells import cell_len, set_cell_size
from rich.style import Style

from tasks.report import format as fmt
from tasks.report import verdict
from tasks.report.night import Missing, Night, Stage
from tasks.report.states import State
from tasks.report.words import Language, Text, Words, pick, say, scrub

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
#: stage, state, done, time; the note takes the rest
_WIDTHS: Final = (10, 7, 16, 12)


def closing(
    night: Night,
    *,
    report: str = "",
    language: Language = "en",
    width: int = 80,
    color: bool = False,
    ascii_only: bool = False,
) -> str:
    """The closing table: headline, stages, problems once more, next command, report's path.

    Args:
        night: the night that ended.
        report: path of the report, printed as the last line.
        language: of the sentences; ASCII terminals get English.
        width: columns of the terminal; no line is wider, except paths and commands.
        color: colour the states with ANSI codes.
        ascii_only: replace every other character.
    """
    side: Language = "en" if ascii_only else language
    lines = [_headline(night, side, color)]
    if night.stages:
        heads = (
            ("阶段", "状态", "完成", "用时", "说明")
            if side == "zh"
            else ("stage", "state", "done", "time", "note")
        )
        lines.append(_row(heads, width))
        lines += [_stage(stage, night, side, width, color) for stage in night.stages]
    lines += _problems(night, side, width, color)
    for action in verdict.actions(night)[:1]:
        if action.command:
            lines.append(f"{pick(Text('next', '下一步'), side)}: {scrub(action.command)}")
    if report:
        lines.append(f"{pick(Text('report', '报告'), side)}: {report}")
    text = "\n".join(line.rstrip() for line in lines)
    if ascii_only:
        text = text.translate(_ASCII).encode("ascii", "replace").decode("ascii")
    return text


def _headline(night: Night, language: Language, color: bool) -> str:
    run = night.run
    label = pick(Text("  simulated data", "  模拟数据"), language) if run.simulated else ""
    name = f"nightly {run.day} {scrub(run.size)}"
    time = pick(fmt.duration(run.seconds), language)
    return f"{_paint(verdict.state(night), 6, color)}{name}    {time}{label}"


def _paint(state: State, width: int, color: bool) -> str:
    """The state's word, padded, coloured on request."""
    padded = state.ljust(width)
    return _STYLES[state].render(state) + padded[len(state) :] if color else padded


def _row(cells: Sequence[str], width: int) -> str:
    """Cells in their columns; the last takes what is left, cut with an ellipsis."""
    line = " "
    for cell, room in zip(cells, _WIDTHS, strict=False):
        line += set_cell_size(_cut(cell, room - 1), room)
    return line + _cut(cells[len(_WIDTHS)], width - cell_len(line))


def _cut(text: str, room: int) -> str:
    if cell_len(text) <= room:
        return text
    return set_cell_size(text, max(room - 1, 0)).rstrip() + "…"


def _stage(stage: Stage, night: Night, language: Language, width: int, color: bool) -> str:
    plain = _row(
        (
            scrub(stage.name),
            stage.state,
            scrub(pick(stage.done, language)) or fmt.MISSING,
            pick(fmt.duration(stage.seconds), language),
            " ".join(scrub(pick(_note(stage, night), language)).split()),
        ),
        width,
    )
    if not color:
        return plain
    start = 1 + _WIDTHS[0]
    end = start + len(stage.state)
    return plain[:start] + _STYLES[stage.state].render(stage.state) + plain[end:]


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


def _problems(night: Night, language: Language, width: int, color: bool) -> list[str]:
    lines = []
    for problem in verdict.problems(night):
        words = " ".join(scrub(pick(problem.what, language)).split())
        lines.append(_paint(problem.state, 6, color) + _cut(words, width - 6))
    return lines


def wants_color(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a stream is a terminal that shows colours; `NO_COLOR` always wins."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def needs_ascii(stream: TextIO) -> bool:
    """Whether a stream's encoding lacks the characters that a closing table uses."""
    try:
        "—−×✓中".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False
