"""Fan-out: run the blocks of one task beside each other, wherever the task itself runs.

Inside a Dask task the caller's thread leaves the worker's pool while it waits, so that one worker
with one thread does not wait for itself; at most one block per thread of the cluster is in flight.
Outside of Dask blocks run one after the other, or on threads. Results come in the order of the
items, whatever finished first, and every failure is collected before one error names them.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tasks.errors import EnvironmentFaultError, QilinError

_LOG = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

#: blocks go before tasks that wait to start: what was begun is finished first
PRIORITY = 10
#: seconds to wait for a worker where there is none, and how often
WORKER_WAIT, WORKER_TRIES = 20, 3
#: Dask warns of large task arguments
_WARN_ABOVE = "distributed.admin.large-graph-warning-threshold"
#: failures that a message names; the rest is counted
NAMED = 5
#: how often blocks are halved that do not fit into memory
HALVINGS = 3


class FanOutError(QilinError):
    """Blocks failed; `failures` names each with its cause, in the order of the items.

    It is `deadly` if a block was given up because worker after worker died of it, and for want of
    `memory` if one was refused it, so that smaller blocks may fit.
    """

    failures: tuple[tuple[str, str], ...] = ()
    deadly: bool = False
    memory: bool = False

    @classmethod
    def of(cls, label: str, names: Sequence[str], errors: dict[int, BaseException]) -> FanOutError:
        """One sentence about all failures; the exit code is the first cause's, if it has one."""
        failures = tuple((names[i], describe(errors[i])) for i in sorted(errors))
        causes = {cause for _, cause in failures}
        shown = "; ".join(f"{name}: {cause}" for name, cause in failures[:NAMED])
        more = f"; and {len(failures) - NAMED} more" if len(failures) > NAMED else ""
        # What fails every block alike, such as a wrong setting, is told once and without blocks.
        alike = len(causes) == 1 and len(failures) == len(names)
        told = (
            causes.pop()
            if alike
            else f"{len(failures)} of {len(names)} blocks failed: {shown}{more}"
        )
        error = cls(f"{label}: {told}")
        error.failures = failures
        error.deadly = any(is_killed(errors[i]) for i in errors)
        error.memory = any(lacks_memory(cause) for cause in errors.values())
        first = errors[min(errors)]
        if isinstance(first, QilinError):
            error.exit_code = first.exit_code
        return error


@dataclasses.dataclass
class Spent:
    """What the blocks of fan-outs took: how many there were, and their seconds together."""

    blocks: int = 0
    seconds: float = 0.0


_spent: contextvars.ContextVar[Spent | None] = contextvars.ContextVar("spent", default=None)


@contextlib.contextmanager
def spending() -> Iterator[Spent]:
    """Count what the fan-outs inside take: the caller itself only waits for them meanwhile."""
    spent = Spent()
    token = _spent.set(spent)
    try:
        yield spent
    finally:
        _spent.reset(token)


@dataclasses.dataclass(frozen=True)
class _Timed:
    """A function that tells its seconds with its result; picklable where the function is."""

    function: Callable[[Any], Any]

    def __call__(self, item: Any) -> tuple[Any, float]:
        started = time.perf_counter()
        return self.function(item), time.perf_counter() - started


def idle_threads() -> int:
    """Threads of this Dask worker that have nothing to do now, the caller's own among them.

    For work on arrays in memory, which only threads of one process can share. 1 outside of Dask.
    """
    from distributed import get_worker

    try:
        state = get_worker().state
    except ValueError:
        return 1
    return max(1, state.nthreads - len(state.executing) + 1)


def fan_out(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    label: str,
    threads: int = 1,
) -> list[Result]:
    """`[function(item) for item in items]`, beside each other where there is a cluster.

    Args:
        function: picklable, as are the items and results; give it references, not arrays.
        items: one block each.
        label: what this is, for messages, such as `backtest 004/020`.
        threads: how many blocks run at a time outside of Dask.

    Returns:
        Results in the order of the items.

    Errors: `FanOutError` after all blocks ended, naming each that failed and why.
    """
    todo = list(items)
    if not todo:
        return []
    timed: Callable[[Item], tuple[Result, float]] = _Timed(function)
    if inside_dask():
        results, errors = _on_workers(timed, todo, label)
    else:
        results, errors = _here(timed, todo, threads)
    spent = _spent.get()
    if spent is not None:
        spent.blocks += len(results)
        spent.seconds += sum(seconds for _, seconds in results.values())
    if errors:
        raise FanOutError.of(label, names_of(todo), errors) from errors[min(errors)]
    return [results[i][0] for i in range(len(todo))]


def narrowing(work: Callable[[int], Result], width: int, *, begun: int = 0) -> Result:
    """`work(width)`, tried again with blocks half as wide while memory does not suffice.

    Args:
        work: does the whole in blocks of the width that it gets, which may not change a bit of it.
        width: of the first try, 1 or more.
        begun: how often the same work was begun before: a process that takes too much is killed and
            cannot try again itself, so that whoever comes after it begins with narrower blocks.

    Returns:
        What `work` gives.

    Errors: those of the last try, after `HALVINGS` of the width.
    """
    halved = min(begun, HALVINGS)
    while True:
        now = max(1, width >> halved)
        try:
            return work(now)
        except (MemoryError, FanOutError) as error:
            if halved == HALVINGS or now == 1 or not lacks_memory(error):
                raise
            _LOG.warning("%s; trying blocks of %d instead of %d", error, max(1, now // 2), now)
        halved += 1


def lacks_memory(error: BaseException) -> bool:
    """Whether memory was refused, so that smaller blocks may help."""
    return error.memory if isinstance(error, FanOutError) else isinstance(error, MemoryError)


def inside_dask() -> bool:
    """Whether this is called by a task on a Dask worker."""
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:
        return False
    return True


def is_killed(error: BaseException) -> bool:
    """Whether Dask gave a task up because worker after worker died while it ran."""
    return type(error).__name__ == "KilledWorker"


def names_of(items: Sequence[Any]) -> list[str]:
    """`block 04/20 [item]`, with the item where it is short."""
    width = len(str(len(items)))
    return [
        f"block {i:0{width}d}/{len(items)}{_short(item)}" for i, item in enumerate(items, start=1)
    ]


def describe(error: BaseException) -> str:
    """An error in one line: our own as they are, others with their class."""
    text = " ".join(str(error).split())
    if isinstance(error, QilinError):
        return text
    if type(error).__name__ in ("KilledWorker", "FutureCancelledError"):
        return (
            "its worker died each time it was tried (out of memory, or a crash in native code): "
            "give workers more memory with QILIN_CLUSTER_MEMORY, or set smaller blocks"
        )
    if isinstance(error, MemoryError):
        return f"memory does not suffice ({text or 'none is left'}): set smaller blocks"
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _short(item: Any) -> str:
    text = str(item) if isinstance(item, (str, int, float, tuple)) else ""
    return f" [{text}]" if text and len(text) <= 60 else ""


def _here(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> tuple[dict[int, Result], dict[int, BaseException]]:
    results: dict[int, Result] = {}
    errors: dict[int, BaseException] = {}

    def run(i: int) -> None:
        try:
            results[i] = function(items[i])
        except Exception as error:  # noqa: BLE001 - collected, and raised with all others
            errors[i] = error

    if threads <= 1:
        for i in range(len(items)):
            run(i)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, range(len(items))))
    return results, errors


def _on_workers(
    function: Callable[[Item], Result], items: Sequence[Item], label: str
) -> tuple[dict[int, Result], dict[int, BaseException]]:
    from distributed import worker_client

    with worker_client() as client:
        return flow_through(client, function, items, label=label)


def flow_through(
    client: Any,
    function: Callable[..., Result],
    items: Sequence[Any],
    *,
    label: str,
    shared: Sequence[Any] = (),
) -> tuple[dict[int, Result], dict[int, BaseException]]:
    """Results and errors by position, with at most one block per thread of the cluster in flight.

    Args:
        client: a connected Dask client.
        function: called as `function(item, *shared)` on a worker.
        items: one block each; they travel inside the task, so that another worker can take it
            over when one dies (scattered data dies with its worker).
        label: what the blocks are called in Dask's own pages.
        shared: the same for all blocks, sent to each worker once.
    """
    import dask
    import distributed

    as_completed: Any = distributed.as_completed
    results: dict[int, Result] = {}
    errors: dict[int, BaseException] = {}
    run = uuid.uuid4().hex
    name = label.replace("'", "") or "block"
    everywhere = _Everywhere(client, shared)

    def submit(i: int) -> Any:
        key = f"{name}-{run}-{i}"  # the part before the first hash groups them in Dask's pages
        with dask.config.set({_WARN_ABOVE: "1TiB"}):  # large, but a few at a time
            return client.submit(
                function, items[i], *everywhere.futures(), key=key, pure=False, priority=PRIORITY
            )

    threads = max(1, sum(client.nthreads().values()))
    flying = {submit(i): i for i in range(min(threads, len(items)))}
    following = iter(range(len(flying), len(items)))
    completed = as_completed(list(flying), loop=client.loop)
    for future in completed:
        i = flying.pop(future)
        try:
            results[i] = future.result()
        except Exception as error:  # noqa: BLE001 - collected for the caller, by position
            errors[i] = error
        future.release()
        upcoming = next(following, None)
        if upcoming is not None:
            new = submit(upcoming)
            flying[new] = upcoming
            completed.add(new)
    return results, errors


class _Everywhere:
    """Data on every worker, sent once, and again only if all its holders died."""

    def __init__(self, client: Any, values: Sequence[Any]) -> None:
        self._client, self._values = client, list(values)
        self._futures: list[Any] = []

    def futures(self) -> list[Any]:
        if self._values and (
            not self._futures or any(f.status != "finished" for f in self._futures)
        ):
            self._futures = self._scattered()
        return self._futures

    def _scattered(self) -> list[Any]:
        """Waits for workers that are just being started again; one may die in the middle of it."""
        for _ in range(WORKER_TRIES):
            try:
                futures: list[Any] = self._client.scatter(
                    self._values, broadcast=True, hash=False, timeout=WORKER_WAIT
                )
            except (TimeoutError, OSError) as error:
                cause = error
            else:
                return futures
        raise EnvironmentFaultError(
            f"data could not be sent to any worker in {WORKER_TRIES * WORKER_WAIT} s: workers died "
            "(out of memory?) or were stopped; start some, or give them more memory"
        ) from cause
