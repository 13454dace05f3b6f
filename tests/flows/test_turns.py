"""A night ends at once where it has nothing to do, and what dead runs left is cleared."""

import datetime as dt
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows import _cli_status, _lock, _session, _turns
from flows._settings import NightlyConfig
from tasks.data.store import Store
from tasks.errors import UserError
from tasks.market.calendar import EXCHANGE_ZONE

CONFIG = NightlyConfig()


def run_at(text: str, *tags: str) -> Any:
    start = dt.datetime.fromisoformat(text).replace(tzinfo=EXCHANGE_ZONE)
    return SimpleNamespace(expected_start_time=start.astimezone(dt.UTC), tags=tags)


def test_a_scheduled_night_on_a_holiday_has_nothing_to_do():
    reason = _turns.holiday(CONFIG, run_at("2026-10-01T18:30", "auto-scheduled"))
    assert reason == "2026-10-01 is no trading day: nothing to do until 2026-10-08"


@pytest.mark.parametrize(
    ("config", "run"),
    [
        (CONFIG, run_at("2026-10-09T18:30", "auto-scheduled")),
        (CONFIG, run_at("2026-10-01T18:30")),
        (NightlyConfig(data_date="2026-09-30"), run_at("2026-10-01T18:30", "auto-scheduled")),
        (
            NightlyConfig.model_validate({"advanced": {"gate": {"calendar": "none"}}}),
            run_at("2026-10-01T18:30", "auto-scheduled"),
        ),
    ],
    ids=["a session", "started by hand", "a given day", "no calendar"],
)
def test_every_other_night_has_its_turn(config, run):
    assert _turns.holiday(config, run) == ""


def test_the_day_is_the_exchanges_whatever_the_machines_zone():
    early = run_at("2026-10-09T00:30", "auto-scheduled")
    assert _turns.day_of(early) == "2026-10-09", "still the 8th in UTC"


def test_a_lock_names_its_holder_and_dies_with_it(qilin_home: Path):
    code = (
        "from flows import _lock\n"
        "with _lock.held('night', 'run of somebody'):\n"
        "    print('held', flush=True); input()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert _lock.is_held("night")
        said = "run of somebody works on night already"
        with pytest.raises(UserError, match=said), _lock.held("night"):
            pass
        holder.kill()
    assert not _lock.is_held("night")
    with _lock.held("night", "me"):
        assert (qilin_home / "locks" / "night").read_text() == "me"


def test_a_lease_of_another_host_is_taken_over_only_when_stale(
    qilin_home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("QILIN_HOME", f"memory://store-{uuid.uuid4().hex}")
    store = Store()
    for age, free in ((5.0, False), (_lock.STALE_SECONDS + 5, True)):
        lease = {"host": "another", "renewed": time.time() - age}
        store.note("leases/night", json.dumps(lease))
        assert _lock.is_held("night") is not free
        if free:
            with _lock.held("night"):
                pass
        else:
            with pytest.raises(UserError, match="host another works on night"), _lock.held("night"):
                pass


def test_a_run_without_a_turn_is_no_night_that_broke_off(qilin_home: Path):
    store = Store()
    run = run_at("2026-10-01T18:30", "auto-scheduled")
    run.id, run.name = uuid.uuid4(), "nightly 2026-10-01 holiday"
    _session.remember("2026-09-30", CONFIG, str(run.id), store)
    with pytest.raises(_turns.NoTurnError), _turns.turn(CONFIG, run, "2026-09-30"):
        pass
    assert not _session.folder_of(str(run.id), store)
    said = _cli_status.lines(store, dt.datetime.now(dt.UTC))
    assert not [line for line in said if line.startswith("broken")], said


def test_the_same_night_is_one_lock_and_other_settings_are_another():
    same = _turns.night_name(CONFIG, "2026-11-20")
    noted = CONFIG.model_copy(update={"note": "another", "language": "zh"})
    assert _turns.night_name(noted, "2026-11-20") == same
    dated = CONFIG.model_copy(update={"data_date": "2026-11-20"})
    assert _turns.night_name(dated, "2026-11-20") == same, "asked for, or tonight's anyway"
    assert _turns.night_name(CONFIG, "2026-11-19") != same
    assert _turns.night_name(NightlyConfig(size="small"), "2026-11-20") != same


def test_leftovers_of_dead_writers_go_and_work_in_progress_stays(qilin_home: Path):
    old, new = qilin_home / "tmp" / "old", qilin_home / "tmp" / "new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    long_ago = time.time() - _turns.LEFTOVER_SECONDS - 1
    os.utime(old, (long_ago, long_ago))
    _turns.clear_leftovers(Store())
    assert not old.exists()
    assert new.exists()


class Made:
    """Runs at a real server."""

    def __init__(self) -> None:
        from prefect import flow
        from prefect.client.orchestration import get_client

        self.client = get_client(sync_client=True)

        @flow(name="nightly")
        def nightly() -> None:
            """Only its name counts here."""

        self.flow = nightly

    def flow_id(self) -> Any:
        return self.client.create_flow(self.flow)

    def run(self, name: str, state: Any, **more: Any) -> Any:
        return self.client.create_flow_run(self.flow, name=name, state=state, **more)


@pytest.fixture
def made(prefect_api: str) -> Any:
    made = Made()
    with made.client:
        yield made


def test_dead_runs_are_marked_crashed_and_living_ones_are_left_alone(
    made: Made, qilin_home: Path, monkeypatch: pytest.MonkeyPatch
):
    from prefect.states import Completed, Running

    monkeypatch.setattr(_turns, "GRACE_SECONDS", -1.0)
    dead, alive, foreign = (made.run(name, Running()) for name in ("dead", "alive", "foreign"))
    over = made.run("over", Completed())
    for run in (dead, alive, over):
        Store().note(f"runs/folders/{run.id}", "runs/x")
    with _lock.held(str(alive.id)):
        assert _turns.bury(made.client) == ["dead"]
    states = {
        r.name: made.client.read_flow_run(r.id).state_name for r in (dead, alive, foreign, over)
    }
    assert states == {
        "dead": "Crashed", "alive": "Running", "foreign": "Running", "over": "Completed",
    }  # fmt: skip


def test_a_run_that_has_just_begun_is_not_taken_for_dead(made: Made, qilin_home: Path):
    from prefect.states import Running

    run = made.run("young", Running())
    Store().note(f"runs/folders/{run.id}", "runs/x")
    assert _turns.bury(made.client) == []


def test_only_the_latest_of_several_late_nights_runs(made: Made, monkeypatch: pytest.MonkeyPatch):
    from prefect.states import Scheduled

    deployment = made.client.create_deployment(made.flow_id(), "late")
    now = dt.datetime.now(dt.UTC)
    runs = []
    for days, name in ((2, "old"), (1, "new"), (-1, "planned")):
        run = made.client.create_flow_run_from_deployment(
            deployment, state=Scheduled(scheduled_time=now - dt.timedelta(days=days)),
            tags=["auto-scheduled"], name=name,
        )  # fmt: skip
        runs.append(made.client.read_flow_run(run.id))
    old, new, _ = runs
    assert "new is due already, and only the latest night runs" in _turns.overtaken(
        made.client, old
    )
    assert _turns.overtaken(made.client, new) == "", "tomorrow's is not due"
    monkeypatch.setenv("QILIN_LATE_NIGHTS", "all")
    assert _turns.overtaken(made.client, old) == ""
    monkeypatch.setenv("QILIN_LATE_NIGHTS", "none")
    with pytest.raises(UserError, match="QILIN_LATE_NIGHTS is 'none'"):
        _turns.overtaken(made.client, old)
