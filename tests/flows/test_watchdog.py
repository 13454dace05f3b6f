"""Runs whose process died with its machine do not stay Running."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from flows import _turns, _watchdog


def test_every_end_of_a_run_stops_the_wait_for_its_heartbeat():
    trigger = _watchdog.automation().trigger
    ends = {"Completed", "Failed", "Cancelled", "Crashed", _turns.SKIPPED}
    assert {f"prefect.flow-run.{name}" for name in ends} <= trigger.expect
    beat = int(_watchdog.HEARTBEATS["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
    assert trigger.within.total_seconds() >= 5 * beat, "a busy machine may miss some"
    assert trigger.after == {"prefect.flow-run.heartbeat"}


@pytest.mark.slow
def test_the_server_is_told_once(prefect_api):
    from prefect.client.orchestration import get_client

    for _ in range(2):
        _watchdog.ensure()
    with get_client(sync_client=True) as client:
        (known,) = client.read_automations_by_name(_watchdog.NAME)
    assert known.enabled


@pytest.fixture
def api(prefect_api: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=prefect_api, trust_env=False, timeout=60) as client:
        yield client


SLEEPER = """
import sys, time
from prefect import flow

@flow(name="sleeper", flow_run_name=sys.argv[1])
def sleeper():
    time.sleep(float(sys.argv[2]))

sleeper()
"""


@pytest.mark.slow
def test_a_killed_run_is_crashed_once_and_a_finished_one_stays_completed(prefect_api, api):
    from prefect.client.orchestration import get_client

    def states(name: str) -> list[str]:
        where = {"flow_runs": {"name": {"any_": [name]}}}
        found = api.post("/flow_runs/filter", json=where).raise_for_status().json()
        told = [api.get("/flow_run_states/", params={"flow_run_id": r["id"]}) for r in found]
        return [state["type"] for answer in told for state in answer.raise_for_status().json()]

    def beats() -> int:
        where = {"filter": {"event": {"name": ["prefect.flow-run.heartbeat"]}}}
        return int(api.post("/events/filter", json=where).raise_for_status().json()["total"])

    with get_client(sync_client=True) as client:
        quick = _watchdog.automation(silent_seconds=10).model_copy(update={"name": "quick"})
        made = client.create_automation(quick)
        known = beats()
        started: list[subprocess.Popen[bytes]] = []
        try:
            started += [_sleeper(prefect_api, *words) for words in (("dies", "600"), ("ends", "1"))]
            _wait(lambda: "RUNNING" in states("dies") and beats() >= known + 2)
            started[0].send_signal(signal.SIGKILL)
            _wait(lambda: "CRASHED" in states("dies"))
            time.sleep(15)  # as long again: it fires once
            assert states("dies").count("CRASHED") == 1
            assert started[1].wait(60) == 0
            assert states("ends")[-1] == "COMPLETED"
        finally:
            client.delete_automation(made)
            for process in started:
                process.kill()
                process.wait()


def _sleeper(api: str, name: str, seconds: str) -> "subprocess.Popen[bytes]":
    env = {**os.environ, **_watchdog.HEARTBEATS, "PREFECT_API_URL": api}
    return subprocess.Popen([sys.executable, "-c", SLEEPER, name, seconds], env=env)


def _wait(done: Callable[[], Any], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.5)
