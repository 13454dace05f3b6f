"""What the terminal shows of a night: progress on stderr while it runs, the outcome on stdout.

Nothing here loads Prefect: the display exists before Prefect's settings are made.
"""

from __future__ import annotations

import io
import sys
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tasks.report import format as fmt
from tasks.report import states
from tasks.report.words import pick

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from flows._board import Board
    from flows._run import Finished

#: without a terminal, a line at least this often
LINE_SECONDS = 60.0
REFRESH_SECONDS = 0.1
_STYLE = {"PASS": "green", "WARN": "yellow", "FAIL": "bold red", "SKIP": "dim", "UNKNOWN": "dim"}


class Display:
    """Follows a night: one live bar in a terminal, else one plain line per stage."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._next = 0.0
        self._stages_done: set[str] = set()
        self._began = False

    def starting(self, what: str) -> None:
        """Say what is coming before there is anything to count."""
        self._line(f"nightly: {what}")

    def __call__(self, board: Board) -> None:
        """Look at the board, as often as it changes."""
        from flows import _progress

        if not self._began:
            self._began = True
            self._line(_headline())
        self._tell_finished_stages(board)
        if time.time() < self._next:
            return
        text = _progress.describe(board, {})
        if self._console.is_terminal:
            self._next = time.time() + REFRESH_SECONDS
            self._advance(100 * _progress.fraction_done(board, {}), _with_warning(text, board))
        else:
            if self._next:
                self._line(text)
            self._next = time.time() + LINE_SECONDS

    def close(self) -> None:
        """Take the live bar away."""
        if self._bar is not None:
            self._bar.stop()

    def _tell_finished_stages(self, board: Board) -> None:
        for stage in board.planned:
            blocks = board.of(stage)
            over = blocks and len(blocks) >= board.planned[stage] and all(b.ended for b in blocks)
            if stage in self._stages_done or not (over or stage in board.skipped):
                continue
            self._stages_done.add(stage)
            if not self._console.is_terminal:
                self._line(_stage_line(board, stage))

    def _advance(self, percent: float, text: str) -> None:
        if self._bar is None:
            self._bar = _progress_bar(self._console)
            self._task = self._bar.add_task("", total=100.0)
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, completed=percent, description=text)

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


def show_outcome(finished: Finished, store_root: str, language: str) -> None:
    """The closing table, the problems once more, and as the last line the path or the command."""
    console = Console(highlight=False, soft_wrap=True)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal without UTF-8 shows ? for a letter
        sys.stdout.reconfigure(errors="replace")
    for text, style in outcome_lines(finished, store_root, language):
        console.print(text, style=style or None, markup=False)


def outcome_lines(finished: Finished, store_root: str, language: str) -> list[tuple[str, str]]:
    """Lines of the closing table with their style."""
    summary = finished.summary
    state = state_of(finished)
    seconds = summary.get("run", {}).get("seconds")
    lines = [
        (f"{state:<5} {finished.name}    {pick(fmt.duration(seconds))}".rstrip(), _STYLE[state])
    ]
    stages = _stage_rows(summary, language)
    if stages:
        lines.append((f" {'stage':<10} {'state':<6} {'done':<16} {'time':<13} note", "dim"))
        lines += stages
    if summary.get("sentence"):
        lines.append((pick_words(summary["sentence"], language), ""))
    lines += [(f"problem: {f['sentence']}", "red") for f in summary.get("failures", [])[:5]]
    if finished.error and not summary.get("failures"):
        lines.append((f"problem: {finished.error}", "red"))
    if summary.get("report"):
        lines.append((f"report: {store_root.rstrip('/')}/{summary['report']}", "bold"))
    if finished.exit_code:
        lines.append((f"next: qilin retry {finished.run_id}", "bold"))
    return lines


def state_of(finished: Finished) -> str:
    """The night's state in one word."""
    if finished.exit_code:
        return "FAIL"
    return str(finished.summary.get("state", "UNKNOWN"))


def pick_words(words: Any, language: str) -> str:
    """One side of a sentence as `summary.json` holds it: a text, or one per language."""
    return (
        str(words.get(language) or words.get("en", "")) if isinstance(words, dict) else str(words)
    )


def _stage_rows(summary: dict[str, Any], language: str) -> list[tuple[str, str]]:
    rows = []
    for stage in summary.get("night", {}).get("stages", []):
        state = stage["state"]
        done, note = (pick_words(stage.get(k) or "", language) for k in ("done", "note"))
        time_taken = pick(fmt.duration(stage.get("seconds")))
        row = f" {stage['name']:<10} {state:<6} {done:<16} {time_taken:<13} {note}".rstrip()
        rows.append((row, _STYLE[state] if state not in ("PASS",) else ""))
    return rows


def _stage_line(board: Board, stage: str) -> str:
    if stage in board.skipped:
        return f"{stage}: {board.skipped[stage]}"
    blocks = board.of(stage)
    failed = sum(b.failure is not None for b in blocks)
    cached = sum(b.cached for b in blocks)
    word = states.worst(["FAIL" if failed else "PASS"])
    detail = ", ".join(f"{n} {what}" for n, what in ((failed, "failed"), (cached, "cached")) if n)
    return f"{stage}: {word} {len(blocks) - failed}/{len(blocks)}" + (
        f" ({detail})" if detail else ""
    )


def _headline() -> str:
    from prefect import runtime

    url = runtime.flow_run.ui_url
    return f"{runtime.flow_run.name}" + (f"  {url}" if url else "")


def _with_warning(text: str, board: Board) -> str:
    failures = board.failures
    return f"{text} [red]{failures[-1].label} failed[/red]" if failures else text


def _progress_bar(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (BarColumn(24), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, TextColumn("{task.description}"), console=console, transient=True)
