"""Run or retry a night from this process: the server it needs, the flow, and what came of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from flows import _history, _lock, _server, _session, _turns, _up
from tasks.data.store import Store
from tasks.errors import (
    DataNotReadyError,
    EnvironmentFaultError,
    NightFailedError,
    QilinError,
    UserError,
)

if TYPE_CHECKING:
    from prefect import Flow, State
    from prefect.client.schemas.objects import FlowRun

    from flows._board import Board
    from flows._settings import NightlyConfig, SweepRunConfig

Watcher = Callable[["Board"], None]


@dataclasses.dataclass(frozen=True)
class Finished:
    """How a night ended.

    Attributes:
        run_id: Prefect's id of the flow run.
        name: its name, such as `nightly 2026-11-20 full`.
        folder: folder below the store with report and summary; empty if it never got that far.
        summary: content of `summary.json`; empty likewise.
        error: one sentence if it did not complete, or is not to be relied on.
        exit_code: 0, or the code of the error.
        queued: it was handed to a worker and is not over.
        skipped: it had no turn, such as on a holiday; `error` says why.
    """

    run_id: str
    name: str
    folder: str = ""
    summary: dict[str, Any] = dataclasses.field(default_factory=dict)
    error: str = ""
    exit_code: int = 0
    queued: bool = False
    skipped: bool = False


def run_night(
    config: NightlyConfig,
    *,
    flow: str = "nightly",
    tags: Sequence[str] = (),
    watch: Watcher | None = None,
    verbose: bool = False,
) -> Finished:
    """Run one night here and now, with a server of its own where none is configured.

    Args:
        config: what to run.
        flow: `nightly`, or `train` for a night's training alone.
        tags: of the flow run, besides its own.
        watch: called as the night goes on, for a display.
        verbose: let Prefect's log lines through to the terminal.

    Raises:
        QilinError: what is wrong with store, data or settings, before any run exists.
    """
    _quieten(verbose)
    store = Store()
    store.require_writable()
    days: list[str] = []
    with _server.prefect_server(lambda: days.append(_prepared(config))):
        asked = {"config": config.model_dump(mode="json")}
        flow_run = _created(_named(flow), asked, f"size:{config.size}", *tags)
        _session.remember(days[0], config, str(flow_run.id), store)
        return _execute(flow_run, watch)


def run_sweep(
    config: SweepRunConfig, *, watch: Watcher | None = None, verbose: bool = False
) -> Finished:
    """Run one sweep here and now; arguments and errors as of `run_night`."""
    _quieten(verbose)
    store = Store()
    store.require_writable()
    days: list[str] = []

    def prepare() -> None:
        days.append(_session.resolve(config, dt.datetime.now(dt.UTC)))
        import flows.sweep  # noqa: F401 - loaded for later

    with _server.prefect_server(prepare):
        from prefect.client.orchestration import get_client
        from prefect.states import Pending

        from flows._sweep import remember
        from flows.sweep import sweep

        with get_client(sync_client=True) as client:
            flow_run = client.create_flow_run(
                sweep,
                parameters={"config": config.model_dump(mode="json")},
                state=Pending(),
                tags=["sweep", "market:cn-a", f"size:{config.size}"],
            )
        remember(days[0], str(flow_run.id), store)
        return _execute(flow_run, watch)


def retry_night(run: str, *, watch: Watcher | None = None, verbose: bool = False) -> Finished:
    """Run a night again under its own id: what is done is found, the rest is computed.

    A night of a deployment goes back to its worker; without one it is worked on here.

    Args:
        run: id or name of a flow run; empty for the newest night that did not complete.
        watch: as for `run_night`.
        verbose: as for `run_night`.

    Raises:
        UserError: no such run, or it still works or has completed.
    """
    _quieten(verbose)
    Store().require_writable()
    with _server.prefect_server(_load) as url:
        from prefect.client.orchestration import get_client
        from prefect.states import Scheduled

        with get_client(sync_client=True) as client:
            flow_run = _find(client, run)
            if _lock.is_held(str(flow_run.id)):
                raise UserError(
                    f"run {flow_run.name!r} ({flow_run.id}) is still working: wait for it, or "
                    f"cancel it in the UI"
                )
            client.set_flow_run_state(flow_run.id, Scheduled(message="Retried"), force=True)
            if flow_run.deployment_id and _up.worker_listens(url):
                return Finished(str(flow_run.id), flow_run.name, queued=True)
            flow_run = client.read_flow_run(flow_run.id)
        return _execute(flow_run, watch)


def rerun_night(
    run: str, from_stage: str, reason: str, *, watch: Watcher | None = None, verbose: bool = False
) -> Finished:
    """Run a night again from a stage, here and now; what comes before is reused.

    Args:
        run: as for `_history.summary_of`.
        from_stage: computed anew with whatever waits for it.
        reason: shown in the report.
        watch: as for `run_night`.
        verbose: as for `run_night`.

    Raises:
        UserError: no such run.
    """
    _quieten(verbose)
    store = Store()
    store.require_writable()
    size = _history.summary_of(store, run)["run"]["size"]
    with _server.prefect_server(_load):
        from flows.rerun import rerun

        asked = {"run": run, "from_stage": from_stage, "reason": reason, "preview": False}
        return _execute(_created(rerun, asked, f"size:{size}"), watch)


@dataclasses.dataclass(frozen=True)
class Backfilled:
    """How a backfill ended.

    Attributes:
        sentence: what was done, or why nothing could be.
        failed: whether a night, or the whole, failed.
        exit_code: 0, the code of the failure, or that of data that are not there yet.
        rows: one per night: `day`, `state`, `sentence`, `report`.
    """

    sentence: str
    failed: bool
    exit_code: int
    rows: list[dict[str, str]]


def run_backfill(
    start: str, end: str, config: NightlyConfig, *, at_once: int, again: bool, verbose: bool
) -> Backfilled:
    """Run every unfinished session of a range, here and now.

    Args:
        start: first day.
        end: last day, included.
        config: settings of every night.
        at_once: nights side by side.
        again: finished nights too.
        verbose: as for `run_night`.

    Raises:
        UserError: a range that makes no sense, before any run exists.
    """
    _quieten(verbose)
    Store().require_writable()

    def prepare() -> None:
        _load()
        from flows.backfill import nights

        nights(start, end, config)

    with _server.prefect_server(prepare):
        from prefect.client.orchestration import get_client

        from flows.backfill import TABLE_KEY, backfill

        asked = {
            "start": start, "end": end, "config": config.model_dump(mode="json"),
            "at_once": at_once, "again": again,
        }  # fmt: skip
        flow_run = _created(backfill, asked)
        state: Any = _ended(flow_run)
        error = None if state.is_completed() else state.result(raise_on_failure=False, _sync=True)
        if error is not None and not isinstance(error, QilinError):
            raise error
        from prefect.client.schemas.filters import ArtifactFilter

        with get_client(sync_client=True) as client:
            where = ArtifactFilter.model_validate(
                {"flow_run_id": {"any_": [flow_run.id]}, "key": {"any_": [TABLE_KEY]}}
            )
            tables = client.read_artifacts(artifact_filter=where)
        rows = json.loads(str(tables[0].data)) if tables else []
        waiting = any(row["state"] == "waiting" for row in rows)
        code = DataNotReadyError.exit_code if waiting else 0
        code = code if error is None else error.exit_code
        return Backfilled(str(state.message), error is not None, code, rows)


def _created(flow: Flow[..., Any], parameters: dict[str, Any], *tags: str) -> FlowRun:
    """A run of a flow that waits to be worked on here."""
    from prefect.client.orchestration import get_client
    from prefect.states import Pending

    with get_client(sync_client=True) as client:
        return client.create_flow_run(
            flow, parameters=parameters, state=Pending(), tags=[flow.name, "market:cn-a", *tags]
        )


def _execute(flow_run: FlowRun, watch: Watcher | None) -> Finished:
    from flows._progress import watched_by

    with watched_by(watch):
        return _finished(flow_run, _ended(flow_run))


def _ended(flow_run: FlowRun) -> State[Any]:
    """Work on a run; the state that it ends in."""
    from prefect.flow_engine import run_flow

    parameters = dict(flow_run.parameters)
    state = run_flow(
        _flow_of(flow_run), flow_run=flow_run, parameters=parameters, return_type="state"
    )
    return cast("State[Any]", state)


def _flow_of(flow_run: FlowRun) -> Flow[..., Any]:
    """The flow of a run."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return _named(client.read_flow(flow_run.flow_id).name)


def _named(name: str) -> Flow[..., Any]:
    """A flow by its name, which is its file's too."""
    import importlib

    found: Flow[..., Any] = getattr(importlib.import_module(f"flows.{name}"), name)
    return found


def _finished(flow_run: FlowRun, state: State[Any]) -> Finished:
    from prefect.client.orchestration import get_client

    run_id = str(flow_run.id)
    store = Store()
    with get_client(sync_client=True) as client:
        name = client.read_flow_run(flow_run.id).name
    folder = _session.folder_of(run_id, store)
    text = store.read_note(f"{folder}/summary.json") if folder else ""
    summary = json.loads(text) if text else {}
    if state.name == _turns.SKIPPED:
        return Finished(run_id, name, error=f"{name} was skipped: {state.message}", skipped=True)
    if state.is_completed():
        return Finished(run_id, name, folder, summary, *_judged(summary))
    ended: Any = state
    outcome = ended.result(raise_on_failure=False, _sync=True)
    if isinstance(outcome, QilinError):
        return Finished(run_id, name, folder, summary, str(outcome), outcome.exit_code)
    if isinstance(outcome, BaseException):
        raise outcome
    raise EnvironmentFaultError(
        f"run {name!r} ended {state.name}: {state.message or 'no reason given'}; "
        f"look at its log, then: qilin retry {run_id}"
    )


def _judged(summary: dict[str, Any]) -> tuple[str, int]:
    """Sentence and exit code of a night whose every part finished; empty and 0 if it may be used.

    A failed check makes a night FAIL although nothing broke.
    """
    if summary.get("state") != "FAIL" or not summary.get("night"):
        return "", 0
    from tasks.report import verdict
    from tasks.report.night import Night
    from tasks.report.words import pick

    night = Night.from_json(summary["night"])
    return f"{pick(verdict.sentence(night))}; see the report", NightFailedError.exit_code


def _find(client: Any, run: str) -> FlowRun:
    from prefect.client.schemas import filters, sorting
    from prefect.client.schemas.objects import StateType

    done = [StateType.COMPLETED]
    # A planned night is not over, and sorts as newer than every night that was.
    kept = [*done, StateType.SCHEDULED]
    where: dict[str, Any] = {
        "flow_filter": filters.FlowFilter(name={"any_": list(_turns.WORKING_FLOWS)})
    }
    if not run:
        where["flow_run_filter"] = filters.FlowRunFilter(state={"type": {"not_any_": kept}})
    elif _history.is_uuid(run):
        where = {"flow_run_filter": filters.FlowRunFilter(id={"any_": [uuid.UUID(run)]})}
    else:
        where["flow_run_filter"] = filters.FlowRunFilter(name={"any_": [run]})
    newest = sorting.FlowRunSort.START_TIME_DESC
    found = client.read_flow_runs(**where, sort=newest, limit=2)
    if not found:
        what = f"run {run!r} is not known" if run else "no night failed or crashed"
        raise UserError(f"{what}: look at the list with qilin status")
    if run and len(found) > 1 and not _history.is_uuid(run):
        raise UserError(f"{len(found)} runs are called {run!r}: give the id of one of them")
    chosen: FlowRun = found[0]
    if chosen.state_type in done:
        raise UserError(f"run {chosen.name!r} has completed: nothing is left to retry")
    return chosen


def _prepared(config: NightlyConfig) -> str:
    """The night's session date, with everything loaded; what is wrong with the data comes first."""
    day = _session.resolve(config, dt.datetime.now(dt.UTC))
    _load()
    return day


def _load() -> None:
    """Load Prefect and the flow; done while the server starts, it hides most of the wait."""
    import flows.nightly  # noqa: F401 - loaded for later


def _quieten(verbose: bool) -> None:
    """Keep Prefect's and Dask's lines off the terminal; the UI has them all the same."""
    if verbose:
        return
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_DEBUG_LEVEL", "CRITICAL")
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")
