"""Progress of a night while it runs: in the terminal, and as one Prefect progress artifact.

Stages weigh what they took in the last night, so the bar moves evenly.
"""

from __future__ import annotations

import contextlib
import contextvars
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

from flows._board import STAGES, Board, Listener

if TYPE_CHECKING:
    from uuid import UUID

#: seconds a stage took where there is no earlier night to learn from
FIRST_GUESS = {"load": 3.0, "features": 5.0, "backtest": 8.0, "train": 15.0, "report": 4.0}
#: the artifact is updated at most this often; each update costs a request
ARTIFACT_SECONDS = 2.0
ARTIFACT_KEY = "nightly-progress"

_watcher: contextvars.ContextVar[Listener | None] = contextvars.ContextVar("watcher", default=None)


@contextlib.contextmanager
def watched_by(listener: Listener | None) -> Iterator[None]:
    """Let a listener of this process, such as the terminal's display, follow the next night."""
    token = _watcher.set(listener)
    try:
        yield
    finally:
        _watcher.reset(token)


def listeners(expected: Mapping[str, float]) -> list[Listener]:
    """Who follows a night: the Prefect artifact, and the terminal where there is one."""
    watcher = _watcher.get()
    artifact = ProgressArtifact(expected)
    return [artifact] if watcher is None else [artifact, watcher]


def fraction_done(board: Board, expected: Mapping[str, float]) -> float:
    """Share of the night's expected work that is done, from 0 to 1; 1 for a night that is over."""
    if board.over:
        return 1.0
    weights = {stage: expected.get(stage, FIRST_GUESS[stage]) for stage in STAGES}
    done = sum(weights[s] * _stage_share(board, s) for s in STAGES)
    return min(1.0, done / sum(weights.values()))


def describe(board: Board, expected: Mapping[str, float]) -> str:
    """`backtest 13/20, about 6 min left`; how it ended where it is over."""
    if board.over:
        failed = len(board.failures)
        return f"over, {failed} block{'s' * (failed != 1)} failed" if failed else "done"
    share = fraction_done(board, expected)
    stage = _stage_at_work(board)
    done = sum(b.ended > 0 for b in board.of(stage))
    text = f"{stage} {done}/{board.planned[stage]}"
    elapsed = time.time() - board.started
    if 0.1 < share < 1:
        text += f", about {_minutes(elapsed * (1 - share) / share)} left"
    return text


def _stage_at_work(board: Board) -> str:
    """The first stage with a block at work; between two blocks, the first that is not done."""
    at_work = [s for s in STAGES if any(not b.ended for b in board.of(s))]
    open_ones = [s for s in STAGES if _stage_share(board, s) < 1]
    return (at_work or open_ones or [STAGES[-1]])[0]


def _stage_share(board: Board, stage: str) -> float:
    if stage in board.skipped:
        return 1.0
    planned = board.planned[stage]
    return sum(b.ended > 0 for b in board.of(stage)) / planned if planned else 0.0


def _minutes(seconds: float) -> str:
    return f"{round(seconds)} s" if seconds < 90 else f"{round(seconds / 60)} min"


class ProgressArtifact:
    """Keeps one Prefect progress artifact up to date."""

    def __init__(self, expected: Mapping[str, float]) -> None:
        self._expected = expected
        self._artifact: UUID | None = None
        self._next, self._shown = 0.0, 0.0

    def __call__(self, board: Board) -> None:
        """Update the artifact, at most every few seconds and always at the end.

        A server that is away misses an update; the night goes on.
        """
        import httpx
        from prefect.logging import get_run_logger

        share = 100 * fraction_done(board, self._expected)
        if time.time() < self._next and share < 100:
            return
        self._next = time.time() + ARTIFACT_SECONDS
        # a stage may turn out longer than was planned; a bar that goes back looks like lost work
        self._shown = share = max(share, self._shown)
        try:
            self._publish(share, describe(board, self._expected))
        except httpx.TransportError as error:
            get_run_logger().warning("the Prefect server cannot be told of progress: %s", error)

    def _publish(self, share: float, text: str) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        if self._artifact is None:
            made = create_progress_artifact(share, key=ARTIFACT_KEY, description=text)
            self._artifact = cast("UUID", made)
        else:
            update_progress_artifact(self._artifact, share, description=text)
