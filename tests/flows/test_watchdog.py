"""Runs whose process died with its machine do not stay Running."""

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
