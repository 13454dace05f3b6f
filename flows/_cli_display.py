"""What the terminal shows of a night: progress on stderr while it runs, the outcome on stdout.

Nothing here loads Prefect: the display exists before Prefect's settings are made.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.markup import escape

from tasks.report import format as fmt
from tasks.report import terminal
from tasks.report.words import pick

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from flows._board import Board
    from flows._run import Finished

#: without a terminal, a line at least this often
LINE_SECONDS = 60.0
#: a stage is over when it has been so for this long: its next block follows at once or never
SETTLED_SECONDS = 1.0
REFRESH_SECONDS = 0.1


class _Console(Console):
    """The terminal on stderr; where it may not read more than ASCII, bars are drawn in ASCII."""

    @property
    def encoding(self) -> str:
        """What Rich may draw with: the stream's encoding, unless the locale promises less."""
        return "ascii" if terminal.needs_ascii(sys.stderr, os.environ) else super().encoding


class Display:
    """Follows a night: one live bar in a terminal, else one plain line per stage."""

    def __init__(self, flow: str = "nightly") -> None:
        self._flow = flow
        self._console = _Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._next = 0.0
        self._stages_done: set[str] = set()
        self._board: Board | None = None

    def starting(self, what: str) -> None:
        """Say what is coming before there is anything to count."""
        self._line(f"{self._flow}: {what}")

    def __call__(self, board: Board) -> None:
        """Look at the board, as often as it changes."""
        from flows import _progress

        if self._board is None:
            self._board = board
            self._line(_headline())
        self._tell_finished_stages(board, time.time() - SETTLED_SECONDS)
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
        """Take the live bar away, and tell of the last stages."""
        if self._bar is not None:
            self._bar.stop()
        if self._board is not None:
            self._tell_finished_stages(self._board, time.time(), all_over=True)

    def _tell_finished_stages(self, board: Board, until: float, *, all_over: bool = False) -> None:
        for stage in board.planned:
            blocks = board.of(stage)
            # After a failure fewer blocks than planned are ever submitted.
            over = blocks and (all_over or len(blocks) >= board.planned[stage])
            over = over and all(0 < b.ended <= until for b in blocks)
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
    """The closing table; its last line is the report's path, or what to type after a failure."""
    print(outcome(finished, store_root, language, sys.stdout), flush=True)


def outcome(finished: Finished, store_root: str, language: str, stream: TextIO) -> str:
    """What closes a night, as the stream can show it; the error is told elsewhere."""
    lines = _table(finished, store_root, language, stream)
    if finished.exit_code and not finished.summary.get("night"):
        lines.append(f"next: qilin retry {finished.run_id}")
    text = "\n".join(lines)
    encoding = stream.encoding or "ascii"  # a letter that the terminal lacks is shown as ?
    return text.encode(encoding, "replace").decode(encoding)


def _table(finished: Finished, store_root: str, language: str, stream: TextIO) -> list[str]:
    summary = finished.summary
    report = f"{store_root.rstrip('/')}/{summary['report']}" if summary.get("report") else ""
    if not summary.get("night"):
        seconds = summary.get("run", {}).get("seconds")
        headline = f"{state_of(finished):<5} {finished.name}    {pick(fmt.duration(seconds))}"
        return [headline.rstrip(), *([f"report: {report}"] if report else [])]
    from tasks.report.night import Night

    table = terminal.closing(
        Night.from_json(summary["night"]),
        report=report,
        language="zh" if language == "zh" else "en",
        width=shutil.get_terminal_size((80, 24)).columns,
        color=terminal.wants_color(stream, os.environ),
        ascii_only=terminal.needs_ascii(stream, os.environ),
    )
    return [table]


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


def _stage_line(board: Board, stage: str) -> str:
    if stage in board.skipped:
        return f"{stage}: {board.skipped[stage]}"
    blocks = board.of(stage)
    failed = sum(b.failure is not None for b in blocks)
    cached = sum(b.cached for b in blocks)
    word = "FAIL" if failed else "PASS"
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
    return f"{escape(text)} [red]{escape(failures[-1].label)} failed[/red]" if failures else text


def _progress_bar(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (BarColumn(24), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*columns, TextColumn("{task.description}"), console=console, transient=True)
