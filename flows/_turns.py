"""Whether a night has its turn: not on a holiday, not twice at once, not late behind a later one.

A night that has none ends at once, Completed under the name Skipped, with the reason. What dead
runs left behind is cleared before a night begins.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import _lives, _lock, _session
from tasks.data.store import Store
from tasks.errors import UserError
from tasks.market import calendar

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from flows._settings import NightlyConfig

#: name of the state that a night without a turn ends in
SKIPPED = "Skipped"
#: flows whose runs write to the store
WORKING_FLOWS = ("nightly", "rerun", "sweep", "train")
#: a run that has only just begun may not have its lock yet
GRACE_SECONDS = 60.0
#: what lies in the store's scratch folder for so long belongs to nobody
LEFTOVER_SECONDS = 3600.0
#: tag of a night that is only computed to explain the difference of two others
COMPARISON = "comparison"


class NoTurnError(UserError):
    """The night has no turn; the text says why."""


@contextlib.contextmanager
def turn(config: NightlyConfig, flow_run: FlowRun, day: str) -> Iterator[None]:
    """Hold the night's turn while it works.

    Args:
        config: the night's settings.
        flow_run: the run that wants to work.
        day: the session it would work on.

    Raises:
        NoTurnError: it is a holiday, another run works on the very same night, or the run is late
            and a later one is due.
    """
    with contextlib.ExitStack() as locks:
        try:
            _let_pass(config, flow_run)
            locks.enter_context(_lock.held(str(flow_run.id), f"run {flow_run.name}"))
            night = night_name(config, day)
            _hold_alone(locks, night, flow_run)
        except NoTurnError:
            _session.forget(str(flow_run.id), Store())
            raise
        locks.enter_context(_lives.lived(Store(), night, str(flow_run.id)))
        yield


def _let_pass(config: NightlyConfig, flow_run: FlowRun) -> None:
    """Stop a run on a holiday and a late one; clear what dead ones left."""
    if reason := holiday(config, flow_run):
        raise NoTurnError(reason)
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        if reason := overtaken(client, flow_run):
            raise NoTurnError(reason)
        bury(client)
    clear_leftovers(Store())


def _hold_alone(locks: contextlib.ExitStack, night: str, flow_run: FlowRun) -> None:
    """Hold the night's own lock: of two runs of one night, one works."""
    try:
        locks.enter_context(_lock.held(night, f"run {flow_run.name}"))
    except UserError as error:
        raise NoTurnError(f"{error}; it is the same night, so this run has ended") from error


def this_run() -> FlowRun:
    """The flow run that this code works for.

    Raises:
        RuntimeError: called outside a flow run.
    """
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("a turn belongs to a flow run: call this inside a flow")
    found: FlowRun = context.flow_run
    return found


def holiday(config: NightlyConfig, flow_run: FlowRun) -> str:
    """Why a scheduled run has nothing to do on its day; empty if the day is a session."""
    if not is_scheduled(flow_run) or config.data_date:
        return ""
    if config.advanced.gate.calendar != "exchange":
        return ""
    day = day_of(flow_run)
    if calendar.is_session(day):
        return ""
    return f"{day} is no trading day: nothing to do until {calendar.next_session(day)}"


def day_of(flow_run: FlowRun) -> str:
    """The exchange's date at which a run was meant to start."""
    start = flow_run.expected_start_time or dt.datetime.now(dt.UTC)
    return start.astimezone(calendar.EXCHANGE_ZONE).date().isoformat()


def overtaken(client: SyncPrefectClient, flow_run: FlowRun) -> str:
    """Why a late run gives way; empty if it is the latest that is due.

    `QILIN_LATE_NIGHTS` decides after a machine has slept through several nights: `latest` (the
    default) runs only the newest of them, `all` runs every one; `qilin backfill` does the others.

    Raises:
        UserError: `QILIN_LATE_NIGHTS` is something else.
    """
    policy = os.environ.get("QILIN_LATE_NIGHTS", "latest")
    if policy not in ("latest", "all"):
        raise UserError(f"QILIN_LATE_NIGHTS is {policy!r}: set it to latest or all")
    if policy == "all" or not is_scheduled(flow_run) or flow_run.deployment_id is None:
        return ""
    later = _due_later(client, flow_run)
    if later is None:
        return ""
    return f"{later.name} is due already, and only the latest night runs: see qilin backfill"


def is_comparison(flow_run: FlowRun) -> bool:
    """Whether the run is only computed to explain the difference of two others."""
    return COMPARISON in (flow_run.tags or ())


def is_scheduled(flow_run: FlowRun) -> bool:
    """Whether a schedule made the run, and no person."""
    return "auto-scheduled" in (flow_run.tags or ())


def bury(client: SyncPrefectClient) -> list[str]:
    """Mark runs as Crashed whose process is dead; their names.

    A run is dead if it has begun in this store and nobody holds its lock. Prefect alone would show
    it as running for ever.
    """
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    running: Any = filters.FlowRunFilter(
        state={"type": {"any_": [StateType.RUNNING, StateType.CANCELLING]}}
    )
    of_ours = filters.FlowFilter(name={"any_": list(WORKING_FLOWS)})
    store, buried = Store(), []
    for run in client.read_flow_runs(flow_filter=of_ours, flow_run_filter=running):
        if _is_dead(run, store):
            crashed: Any = Crashed(message="its process died; Retry computes what is missing")
            client.set_flow_run_state(run.id, crashed, force=True)
            buried.append(str(run.name))
    return buried


def clear_leftovers(store: Store) -> None:
    """Remove what writers that died left in a local store's scratch folder."""
    folder = Path(store.path("tmp"))
    if not store.is_local or not folder.is_dir():
        return
    for entry in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - entry.stat().st_mtime < LEFTOVER_SECONDS:
                continue
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()


def _is_dead(run: FlowRun, store: Store) -> bool:
    if not store.read_note(f"runs/folders/{run.id}") or run.state is None:
        return False
    age = (dt.datetime.now(dt.UTC) - run.state.timestamp).total_seconds()
    return age > GRACE_SECONDS and not _lock.is_held(str(run.id))


def _due_later(client: SyncPrefectClient, flow_run: FlowRun) -> FlowRun | None:
    from prefect.client.schemas import filters, sorting

    where: Any = {
        "expected_start_time": {
            "after_": flow_run.expected_start_time,
            "before_": dt.datetime.now(dt.UTC),
        },
        "deployment_id": {"any_": [flow_run.deployment_id]},
        "tags": {"all_": ["auto-scheduled"]},
    }
    found = client.read_flow_runs(
        flow_run_filter=filters.FlowRunFilter(**where),
        sort=sorting.FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=3,
    )
    return next((run for run in found if run.id != flow_run.id), None)


def night_name(config: NightlyConfig, day: str) -> str:
    """Name of a night, its lock and its lives: equal for runs that would compute the same."""
    from flows import _summary  # loads Prefect, which a command may not before it is told how

    what = f"{day} {_summary.settings_hash(config.model_dump(mode='json'))} {config.data.path}"
    return f"night-{day}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"
