"""The board of a night: what was submitted, what came back, and who wants to know.

Blocks that fail never hide those that finish: every state is collected, and a failure is kept as
one sentence with the block's name. A block that the cluster lost, because its scheduler died or
every worker that took it did, has not failed yet: it is sent again, one whose workers died alone.
A task that begins while Prefect's server is away is lost too; it is sent when the server is back.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from prefect.futures import PrefectWrappedFuture
from prefect.settings import PREFECT_API_URL

from flows import _server
from tasks._step import Context, Step
from tasks.cluster.fanout import is_killed
from tasks.cluster.local import cluster_kwargs
from tasks.cluster.workers import Watch
from tasks.errors import NightFailedError, QilinError

if TYPE_CHECKING:
    from prefect import State

#: how often the driver looks for finished blocks; a display needs no more
POLL_SECONDS = 0.05
#: a cluster that is busy may fail to hand over a result that it has
FETCH_ATTEMPTS, FETCH_SECONDS = 4, 0.5
#: how often one block is sent again that the cluster lost
RESENDS = 3

STAGES = ("load", "features", "backtest", "train", "report")


@dataclasses.dataclass(frozen=True)
class Failure:
    """One block that did not finish.

    Attributes:
        stage: the report's stage.
        label: the block's name.
        sentence: cause and remedy.
        exit_code: what the command ends with; 2 where the user's settings or data are at fault.
        deadly: worker after worker died of it.
    """

    stage: str
    label: str
    sentence: str
    exit_code: int = NightFailedError.exit_code
    deadly: bool = False


Future = PrefectWrappedFuture[Any, Any]


@dataclasses.dataclass
class Block:
    """One block of the night, from submission to its end; one Prefect task run unless it is lost.

    Attributes:
        send: hands it to the cluster, as often as it must be.
        future: of the newest Prefect task run; None while it waits to be sent.
        state: that it ended in.
        lost: how often the cluster forgot it, as when its scheduler died.
        killed: how often it was given up because worker after worker died of it.
    """

    stage: str
    step: str
    label: str
    send: Callable[[], Future]
    submitted: float
    after: tuple[Block, ...] = ()
    future: Future | None = None
    ended: float = 0.0
    result: dict[str, Any] | None = None
    cached: bool = False
    fresh: bool = False
    failure: Failure | None = None
    state: State[Any] | None = None
    lost: int = 0
    killed: int = 0

    @property
    def arrow(self) -> State[Any] | Future:
        """What others wait for: how it ended, which outlives the cluster's memory of it."""
        found = self.state or self.future
        assert found is not None, f"{self.label} has not been sent"
        return found


Listener = Callable[["Board"], None]


class Board:
    """Submits steps, collects their outcomes and tells listeners about progress.

    Args:
        context: what every step is told.
        listeners: called whenever something changes.
        fresh_from: stage that is computed anew with everything that waits for it, although it may
            be there; empty: whatever is found stands.
        token: names the rerun that wants it, so that its own retry finds what it has computed.
    """

    def __init__(
        self,
        context: Context,
        listeners: Iterable[Listener] = (),
        *,
        fresh_from: str = "",
        token: str = "",
    ) -> None:
        self.context = context
        self._fresh_from, self._token = fresh_from, token
        self.blocks: list[Block] = []
        self.planned: dict[str, int] = dict.fromkeys(STAGES, 0)
        self.skipped: dict[str, str] = {}
        self.over = False
        self.started = time.time()
        self._listeners = list(listeners)
        self._lock = threading.Lock()
        self._workers = Watch(_kind())

    def plan(self, **counts: int) -> None:
        """Say how many blocks each stage will have, for the progress display."""
        self.planned.update(counts)
        self.tell()

    def skip(self, stage: str, reason: str) -> None:
        """Say why a stage was not run at all."""
        self.skipped[stage] = reason
        self.tell()

    def close(self) -> None:
        """Say that nothing more will come, whatever was planned."""
        self.over = True
        self.tell()

    def submit(
        self, stage: str, step: Step, label: str, *, after: Sequence[Block] = (), **arguments: Any
    ) -> Block:
        """Hand one step to the cluster under a name that people can search for.

        Args:
            stage: the report's stage.
            step: what to run.
            label: the task run's name, 60 characters at most.
            after: finished blocks whose results are among the arguments; drawn as arrows.
            arguments: the step's own.
        """
        fresh = stage == self._fresh_from or any(b.fresh for b in after)
        context = dataclasses.replace(self.context, label=label, fresh=self._token if fresh else "")
        named = step.with_options(task_run_name=label[:60])

        def send() -> Future:
            arrows = [b.arrow for b in after]
            return cast("Future", named.submit(ctx=context, wait_for=arrows, **arguments))

        block = Block(stage, step.name, label, send, time.time(), tuple(after), fresh=fresh)
        self._send(block)
        with self._lock:
            self.blocks.append(block)
            mine = sum(b.stage == stage for b in self.blocks)
            self.planned[stage] = max(self.planned[stage], mine)
        return block

    def collect(self, blocks: Sequence[Block]) -> list[dict[str, Any]] | None:
        """Wait for blocks; their artifacts in order, or None if any of them failed.

        Raises:
            EnvironmentFaultError: no worker is left, and none comes.
        """
        while any(not b.ended for b in blocks):
            flying = [(b, b.future.wrapped_future) for b in self.blocks if b.future and not b.ended]
            done = [block for block, future in flying if future.done()]
            for block in done:
                self._settle(block)
            self.tell()
            if not flying:
                self._send_alone()
            elif not done:
                self._workers.look(flying[0][1])
                time.sleep(POLL_SECONDS)
        results = [b.result for b in blocks if b.result is not None]
        return results if len(results) == len(blocks) else None

    @property
    def failures(self) -> list[Failure]:
        """Everything that failed so far, in order of submission."""
        return [b.failure for b in self.blocks if b.failure is not None]

    def forget(self, kept: Iterable[Block]) -> None:
        """Begin again with some blocks alone, as if no other had been submitted."""
        self.blocks = list(kept)
        self.planned, self.skipped = dict.fromkeys(STAGES, 0), {}

    def of(self, stage: str) -> list[Block]:
        """Blocks of one stage."""
        return [b for b in self.blocks if b.stage == stage]

    def tell(self) -> None:
        """Let every listener look at the board."""
        for listener in self._listeners:
            listener(self)

    def _settle(self, block: Block) -> None:
        assert block.future is not None
        try:
            state = _fetched(block.future.wrapped_future)
        except Exception as lost:  # noqa: BLE001 - whatever the cluster says became of the task
            self._lose(block, lost)
            return
        if state.is_completed():
            block.result = state.result(_sync=True)
        else:
            outcome = _outcome(state)
            code = outcome.exit_code if isinstance(outcome, QilinError) else 1
            failure = Failure(block.stage, block.label, _sentence(block.label, outcome), code)
            if getattr(outcome, "deadly", False):
                self._suspect(block, failure)
                return
            block.failure = failure
        block.ended = time.time()
        block.state = state
        block.cached = state.name == "Cached"

    def _lose(self, block: Block, lost: Exception) -> None:
        """Send a block again that the cluster lost; it has failed where that did not help."""
        if is_killed(lost):
            _show_crashed(block, "every worker that took it died")
            self._suspect(block, Failure(block.stage, block.label, _killed_sentence(block.label)))
            return
        _server.await_answer(PREFECT_API_URL.value() or "")
        _show_crashed(block, "the cluster forgot it, as when its scheduler dies")
        block.lost += 1
        if block.lost <= RESENDS:
            self._send(block)
        else:
            self._fail(block, lost)

    @staticmethod
    def _suspect(block: Block, failure: Failure) -> None:
        """Workers died of a block, or beside it: send it again when nothing else is to blame."""
        block.killed += 1
        if block.killed == 1:
            block.future = None
        else:
            block.ended = time.time()
            block.failure = dataclasses.replace(failure, deadly=True)

    def _send(self, block: Block) -> None:
        try:
            block.future = block.send()
        except Exception as gone:  # noqa: BLE001 - of the cluster's client, whatever it says
            self._fail(block, gone)

    def _send_alone(self) -> None:
        """Give the next block whose workers died a cluster of its own."""
        waiting = [b for b in self.blocks if b.future is None and not b.ended]
        if waiting:
            self._send(waiting[0])

    @staticmethod
    def _fail(block: Block, cause: Exception) -> None:
        block.ended = time.time()
        block.failure = Failure(block.stage, block.label, _lost_sentence(block.label, cause))


def _kind() -> str:
    """Of the configured cluster; one that changes its size may be without workers at times."""
    plan = cluster_kwargs()
    return "adaptive" if plan["adapt_kwargs"] else plan["kind"]


def _show_crashed(block: Block, why: str) -> None:
    """Show a lost task run as Crashed; Prefect alone would show it as running for ever.

    Where the server is away, or has not heard of the task run yet, the page stays as it is.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectException
    from prefect.logging import get_run_logger
    from prefect.states import Crashed

    assert block.future is not None
    crashed: State[Any] = Crashed(message=f"{why}; it is sent again, unless that did not help")
    try:
        with get_client(sync_client=True) as client:
            client.set_task_run_state(block.future.task_run_id, crashed, force=True)
    except (httpx.HTTPError, PrefectException) as error:
        get_run_logger().warning("%s cannot be shown as crashed: %s", block.label, error)


def _fetched(future: Any) -> Any:
    """The state that a task ended in, from the cluster itself.

    Prefect's own future asks the server where the cluster does not answer at once, and the server
    may not know yet. Fetching is tried again a few times; what the task itself raised is raised.
    """
    for _ in range(FETCH_ATTEMPTS - 1):
        if future.cancelled():
            break
        lost = future.exception()
        if lost is not None:
            raise lost
        try:
            return future.result()
        except Exception:  # noqa: BLE001 - of fetching alone: the task itself has not failed
            time.sleep(FETCH_SECONDS)
    return future.result()


def _outcome(state: Any) -> Any:
    """What a task that did not complete ended with: its exception, or why it never ran."""
    from prefect.exceptions import UnfinishedRun

    try:
        return state.result(raise_on_failure=False, _sync=True)
    except UnfinishedRun:
        return NightFailedError(f"was not run ({state.name}: {state.message}); Retry computes it")


def _sentence(label: str, outcome: Any) -> str:
    text = str(outcome).strip()
    if not isinstance(outcome, QilinError):
        text = f"{type(outcome).__name__}: {text}. See this task's log for the cause, then Retry"
    return text if text.startswith(label) else f"{label}: {text}"


def _lost_sentence(label: str, error: BaseException) -> str:
    kind = type(error).__name__
    if kind == "FutureCancelledError":
        return f"{label}: the cluster's scheduler died again and again. Start it anew, then Retry"
    return (
        f"{label}: the cluster is gone ({kind}: {error}). Start it again or look at the Dask "
        "workers' log, then Retry"
    )


def _killed_sentence(label: str) -> str:
    return (
        f"{label}: every worker that took it died, also when nothing else ran (out of memory or a "
        "crash in native code). Give workers more memory (QILIN_CLUSTER_MEMORY) or use smaller "
        "blocks, then Retry"
    )
