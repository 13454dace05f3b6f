"""What happens to Prefect's server, or is asked of it, while a night is under way."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import _processes, _server, _up
from tests.faults import disturbed
from tests.flows import nights

pytestmark = pytest.mark.slow

LOCKED_SECONDS = 10


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_up.Running]:
    """What `qilin up` starts, in a store of its own."""
    place = tmp_path_factory.mktemp("lasting")
    with pytest.MonkeyPatch.context() as patch:
        home = nights.new_home(place / "home")
        for name in ("PREFECT_API_URL", "PREFECT_HOME", "PREFECT_LOCAL_STORAGE_PATH"):
            patch.delenv(name, raising=False)
        patch.setenv("PREFECT_PROFILES_PATH", str(place / "profiles.toml"))
        patch.setenv("QILIN_HOME", str(home))
        patch.setenv("QILIN_CLUSTER", "threads:2")
        try:
            yield _up.up()
        finally:
            _up.down()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return nights.new_home(tmp_path / "home")


def _environment(home: Path, server: _up.Running) -> dict[str, str]:
    return nights.environment(home, PREFECT_API_URL=server.url)


def test_a_night_survives_a_database_that_is_locked(
    calm_night: nights.Ran, lasting: _up.Running, home: Path
) -> None:
    database = _server.prefect_folder() / "prefect.db"
    with disturbed.started(nights.nightly(), _environment(home, lasting)) as night:
        disturbed.until_begun(home, 3, night)
        other = sqlite3.connect(database, isolation_level=None, timeout=60)
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(LOCKED_SECONDS)
        other.execute("ROLLBACK")
        other.close()
        assert night.poll() is None, "the night was over before the lock was"
        ran = disturbed.ended(night, home)
    assert ran.code == 0, ran.err
    assert ran.outputs == calm_night.outputs


def test_a_night_survives_a_server_that_is_started_again(
    calm_night: nights.Ran, lasting: _up.Running, home: Path
) -> None:
    (server,) = (p for p in lasting.processes if p.name == _server.SERVER_LOG)
    with disturbed.started(nights.nightly(), _environment(home, lasting)) as night:
        disturbed.until_begun(home, 3, night)
        process = server.process()
        assert process is not None
        _processes.stop_tree([process])
        _up.up()  # at the same port, since the night in the middle would find no other
        ran = disturbed.ended(night, home)
    assert ran.code == 0, ran.err
    assert ran.outputs == calm_night.outputs


def test_a_cancelled_run_leaves_nothing_and_the_night_can_start_at_once(
    calm_night: nights.Ran, lasting: _up.Running
) -> None:
    home = Path(os.environ["QILIN_HOME"])
    first = _run_of_the_deployment(lasting)
    disturbed.until(lambda: disturbed.begun(home) >= 5, "the worker begins the night")
    asked = {"state": {"type": "CANCELLING"}}
    _server.ask(lasting.url, f"/flow_runs/{first}/set_state", asked)
    disturbed.until(lambda: _state(lasting, first) == "Cancelled", "the run is cancelled", 60)
    family = {p.pid for p in lasting.processes}
    stray = [line for pid, line in disturbed.left_of(home).items() if pid not in family]
    assert [line for line in stray if "prefect.engine" in line or "nightly" in line] == []
    disturbed.artifacts(home)
    second = _run_of_the_deployment(lasting)
    disturbed.until(lambda: _is_over(lasting, second), "the next night ends")
    assert _state(lasting, second) == "Completed"
    again = nights.Ran(0, "", "", home)
    assert again.outputs == calm_night.outputs
    assert again.summary["counts"]["cached"] >= 2


def test_control_c_leaves_nothing_and_the_night_can_go_on(
    calm_night: nights.Ran, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PREFECT_API_URL", "PREFECT_HOME", "PREFECT_LOCAL_STORAGE_PATH"):
        monkeypatch.delenv(name, raising=False)
    env = nights.environment(home, "processes:2")
    with disturbed.started(nights.nightly(), env) as night:
        disturbed.until_begun(home, 4, night)
        night.send_signal(signal.SIGINT)
        ran = disturbed.ended(night, home)
    assert ran.code == 130, ran.err
    assert ran.err.splitlines()[-1].startswith("qilin: stopped; what is finished is kept")
    assert "Traceback" not in ran.err
    disturbed.until(lambda: not disturbed.left_of(home), "every process of the night ends", 20)
    disturbed.artifacts(home)
    again = nights.run(nights.command("retry"), nights.environment(home))
    assert again.code == 0, again.err
    assert again.outputs == calm_night.outputs


def _run_of_the_deployment(server: _up.Running) -> str:
    """Ask for a night as the form in the UI does; the run's id."""
    deployment = _server.ask(server.url, "/deployments/name/nightly/nightly")["id"]
    given = {"config": _small()}
    made = _server.ask(
        server.url, f"/deployments/{deployment}/create_flow_run", {"parameters": given}
    )
    return str(made["id"])


def _small() -> dict[str, Any]:
    from flows import _cli_config

    return _cli_config.nightly_config(None, {}, nights.SMALL).model_dump(mode="json")


def _state(server: _up.Running, run: str) -> str:
    return str(_server.ask(server.url, f"/flow_runs/{run}")["state"]["name"])


def _is_over(server: _up.Running, run: str) -> bool:
    return _state(server, run) in ("Completed", "Failed", "Crashed", "Cancelled")
