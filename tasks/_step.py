"""The one decorator that every step uses: name, key, serializer, retries and fan-out.

A step's body reads artifacts, calls one pure function and returns an `Output`; the decorator finds
or writes the artifact. The artifact's key, with the store's place, is Prefect's cache key too, and
Prefect's own record of it only mirrors the store: a key found in the store shows as Cached in the
UI, wherever it was computed; one that is missing or damaged is computed again.
"""

from __future__ import annotations

import contextvars
import dataclasses
import functools
import hashlib
import inspect
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect import Task, task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.orchestration import get_client
from prefect.concurrency import services as concurrency
from prefect.context import SyncClientContext, TaskRunContext
from prefect.logging import get_run_logger
from prefect.results import get_result_store
from prefect.transactions import BaseTransaction

from tasks.data import attempts, codehash, keys
from tasks.data.store import Artifact, Store
from tasks.errors import EnvironmentFaultError, NightFailedError, QilinError, UserError

if TYPE_CHECKING:
    from prefect import State
    from prefect.client.schemas.objects import TaskRun


#: seconds for which a process believes that a tag of its tasks has no limit, and limits in one page
BELIEVED_SECONDS, _PAGE = 600.0, 200

# Before every task Prefect asks its server whether a tag of it is limited, and believes a no for
# five seconds. On SQLite the question fails while the server writes, as it does when tasks begin,
# and is asked again two seconds later.
concurrency._no_limits_cache = type(concurrency._no_limits_cache)(1000, BELIEVED_SECONDS)


def ask_for_limits(stages: Iterable[str]) -> None:
    """Ask the server once which stages' tags have no limit, in a way that only reads.

    A limit on a tag that is set while a night runs is seen after ten minutes at most.
    """
    limited: set[str] = set()
    with get_client(sync_client=True) as client:
        while True:
            page = client.read_global_concurrency_limits(limit=_PAGE, offset=len(limited))
            limited |= {limit.name for limit in page}
            if len(page) < _PAGE:
                break
    for name in {f"tag:{_tag(stage)}" for stage in stages} - limited:
        with concurrency._cache_lock:
            concurrency._no_limits_cache[frozenset([name])] = True


def _tag(stage: str) -> str:
    return f"stage:{stage}"


@dataclasses.dataclass(frozen=True)
class Context:
    """What every step is told that may not change its result, and is in no key.

    Attributes:
        store_root: root of the artifact store, resolved once by the driver.
        label: what this block is called, such as `features block 02/08`.
        code: the driver's code hash per step name; a worker with other code refuses to work.
        data_path: where the source lies; the step's key holds the hash of its content instead.
        device: `auto`, `cpu` or `gpu`, as asked for.
        begun: how often the same work was begun before and did not end, since it last did.
        fresh: token of a rerun that wants this block computed although it is there; empty: found
            work stands.
    """

    store_root: str
    label: str = ""
    data_path: str = ""
    device: str = "auto"
    begun: int = 0
    fresh: str = ""
    code: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def store(self) -> Store:
        """The artifact store."""
        return Store(self.store_root)


@dataclasses.dataclass(frozen=True)
class Output:
    """What a step made: the files of one artifact.

    Attributes:
        kind: what it is, such as `panel`.
        files: file name to bytes (or a function that writes to a local path).
        rows: rows of the main table.
        notes: small facts for the report, such as the device used or a fallback's reason.
    """

    kind: str
    files: Mapping[str, bytes | Callable[[str], None]]
    rows: int = 0
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Clock:
    """When a block's work began, how long it took and who did it: for notes, never for a key."""

    def __init__(self) -> None:
        self._began, self._started = time.time(), time.perf_counter()

    def read(self) -> dict[str, Any]:
        """`seconds` since the clock was made, `began` (Unix time), `worker` (with its thread)."""
        seconds = round(time.perf_counter() - self._started, 3)
        return {"seconds": seconds, "began": round(self._began, 3), "worker": _worker()}


Step = Task[..., dict[str, Any]]


def step(
    stage: str, *, packages: tuple[str, ...] = ("numpy",), retries: int = 0
) -> Callable[[Callable[..., Output]], Step]:
    """Turn `body(ctx, ..., parameters)` into a Prefect task that gives an artifact's JSON value.

    Args:
        stage: the report's stage that it belongs to: load, features, backtest, train or report.
        packages: numeric libraries whose versions are part of the key.
        retries: only for steps that touch the outside world.
    """

    def decorate(body: Callable[..., Output]) -> Step:
        name = body.__name__

        @functools.wraps(body)
        def run(*args: Any, **kwargs: Any) -> dict[str, Any]:
            bound = inspect.signature(body).bind(*args, **kwargs).arguments
            return _run(body, bound, packages)

        def cache_key(_context: TaskRunContext, parameters: dict[str, Any]) -> str:
            context: Context = parameters["ctx"]
            key = _key(body, parameters, packages)
            record = f"{key}-{_place(context.store_root)}"
            _mirror(_standing(context, key), record)
            return record

        made: Step = task(
            name=name,
            tags=[_tag(stage)],
            persist_result=True,
            result_serializer="json",
            cache_policy=CacheKeyFnPolicy(cache_key_fn=cache_key),
            retries=retries,
            retry_delay_seconds=5,
            retry_condition_fn=_may_pass_later,
        )(run)
        return made

    return decorate


def _may_pass_later(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether another attempt can end otherwise: the user's mistakes stay what they are."""
    return not isinstance(state.data, UserError)


def body_of(made: Step) -> Callable[..., Any]:
    """The plain function behind a step."""
    return cast("Callable[..., Any]", inspect.unwrap(made.fn))


def _run(
    body: Callable[..., Output], arguments: dict[str, Any], packages: tuple[str, ...]
) -> dict[str, Any]:
    context: Context = arguments["ctx"]
    key = _key(body, arguments, packages)
    found = _standing(context, key)
    if found is not None:
        return found.to_json()
    label = context.label or body.__name__
    log = _logger()
    log.info("%s: started", label)
    begun = attempts.unended(context.store, key)
    attempt = attempts.begin(context.store, key)
    given = arguments | {"ctx": dataclasses.replace(context, begun=begun)}
    clock = Clock()
    try:
        output = _apart(body, {name: _revive(value) for name, value in given.items()})
    except QilinError as error:
        raise _labelled(error, label) from error
    except Exception as error:
        raise NightFailedError(
            f"{label}: {type(error).__name__}: {error}. See this task's log for the cause, "
            "fix it, then Retry: only what failed is computed again"
        ) from error
    work = clock.read()
    inputs = tuple(a.sha256 for value in arguments.values() for a in _artifacts(value))
    before = context.store.find(key) if context.fresh else None
    if context.fresh:
        context.store.discard(key)
    artifact = context.store.put(
        output.kind,
        key,
        output.files,
        rows=output.rows,
        inputs=inputs,
        notes={
            **output.notes,
            **work,
            "label": label,
            "code": codehash.loaded_hash(body),
        },
    )
    attempts.end(context.store, attempt)
    if context.fresh:
        same = before is None or before.sha256 == artifact.sha256
        context.store.note(_refreshed(context, key), "as before" if same else "other bytes")
        if not same:
            log.warning("%s: computed again, it has other bytes than before", label)
    log.info(
        "%s: done in %.2f s, %d rows, %d bytes",
        label, work["seconds"], artifact.rows, artifact.bytes,
    )  # fmt: skip
    return artifact.to_json()


def _standing(context: Context, key: str) -> Artifact | None:
    """The artifact of a key if it may be used: a rerun uses what it computed anew itself."""
    if context.fresh and not context.store.read_note(_refreshed(context, key)):
        return None
    return context.store.find(key)


def _refreshed(context: Context, key: str) -> str:
    return f"reruns/{context.fresh}/{key}"


def kept(
    ctx: Context,
    work: Callable[..., Any],
    parameters: Mapping[str, Any],
    make: Callable[[], Output],
    *,
    packages: tuple[str, ...],
) -> Artifact:
    """The artifact of a piece of a step's work, found or made: what a killed step need not repeat.

    Args:
        ctx: the step's context.
        work: the function that does it; its name and code are part of the key.
        parameters: what decides the result, as for a step.
        make: makes the output where it is not there.
        packages: as for a step.
    """
    name = f"{work.__module__}.{work.__qualname__}"
    key = keys.key(name, parameters, code=codehash.loaded_hash(work), packages=packages)
    found = ctx.store.find(key)
    if found is not None:
        return found
    attempt = attempts.begin(ctx.store, key)
    output = make()
    made = ctx.store.put(output.kind, key, output.files, rows=output.rows, notes=output.notes)
    attempts.end(ctx.store, attempt)
    return made


def _apart(body: Callable[..., Output], arguments: dict[str, Any]) -> Output:
    """Call a body out of sight of its task run.

    Where a body fans out on workers that are threads of this process, Dask starts the next task in
    a copy of the body's context. To Prefect that task would be a child of this one: drawn inside
    it, part of its transaction, and talking through a client that closes when this task ends.
    """

    def alone() -> Output:
        for variable, value in contextvars.copy_context().items():
            if isinstance(value, (TaskRunContext, BaseTransaction, SyncClientContext)):
                variable.set(None)
        return body(**arguments)

    return contextvars.copy_context().run(alone)


def _labelled(error: QilinError, label: str) -> QilinError:
    """The same error, exit code and all, with the block's name in front, once."""
    text = str(error)
    named = type(error)(text if text.startswith(f"{label}: ") else f"{label}: {text}")
    named.__dict__.update(vars(error))
    return named


def _key(body: Callable[..., Any], arguments: Mapping[str, Any], packages: tuple[str, ...]) -> str:
    context: Context = arguments["ctx"]
    name = f"{body.__module__}.{body.__qualname__}"
    code = codehash.loaded_hash(body)
    expected = context.code.get(body.__name__, code)
    if code != expected:
        raise EnvironmentFaultError(
            f"{context.label or name}: this worker runs other code than the driver "
            f"({code[:12]} instead of {expected[:12]}): restart the workers from the same commit"
        )
    parameters = {k: v for k, v in arguments.items() if k != "ctx"}
    return keys.key(name, parameters, code=code, packages=packages)


def _place(root: str) -> str:
    """A store in a few letters.

    Prefect keeps the records of all nights of a machine in one folder. Nights in two stores, at
    once, would take each other's for their own if they were called the same.
    """
    return hashlib.sha256(root.encode()).hexdigest()[:12]


def _mirror(artifact: Artifact | None, key: str) -> None:
    """Make Prefect's record of a key say what the store says."""
    records = get_result_store()
    if artifact is None:
        path = getattr(records.result_storage, "_resolve_path", None)
        if path is not None and records.exists(key=key):
            Path(path(key)).unlink(missing_ok=True)
    elif not records.exists(key=key):
        records.write(key=key, obj=artifact.to_json())


def _worker() -> str:
    """The Dask worker and its thread that this runs on, told apart from all others of the night."""
    from distributed import get_worker

    try:
        name = str(get_worker().name)
    except ValueError:  # called outside a worker, as a plain function
        name = "driver"
    return f"{name}/{threading.get_ident()}"


def _revive(value: Any) -> Any:
    """Artifacts from their JSON values, inside lists and dictionaries too."""
    if isinstance(value, Mapping):
        if {"kind", "key", "uri", "sha256", "files"} <= value.keys():
            return Artifact.from_json(value)
        return {k: _revive(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_revive(v) for v in value]
    return value


def _artifacts(value: Any) -> list[Artifact]:
    revived = _revive(value)
    if isinstance(revived, Artifact):
        return [revived]
    if isinstance(revived, Mapping):
        return [a for v in revived.values() for a in _artifacts(v)]
    if isinstance(revived, list):
        return [a for v in revived for a in _artifacts(v)]
    return []


def _logger() -> logging.Logger | logging.LoggerAdapter[Any]:
    try:
        return get_run_logger()
    except RuntimeError:  # called outside a run, as a plain function
        return logging.getLogger("qilin.steps")
