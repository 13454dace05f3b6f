"""What Prefect does about runs whose process died with its machine: it marks them as Crashed.

A worker that lives notices a dead run by itself, and the next night buries what is left. This is
for the time between, so that Retry is offered: a run of a deployment sends heartbeats, and one that
has sent none for ten minutes is over. Made known by `qilin up`, or by `python -m flows._watchdog`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.monitor.wording import duration

if TYPE_CHECKING:
    from prefect.events.schemas.automations import AutomationCore

NAME = "qilin: crash runs without a heartbeat"
#: what a worker's environment needs, so that its runs send heartbeats
HEARTBEATS = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "60"}
#: ten heartbeats: a machine under full load may miss some
SILENT_SECONDS = 600


def automation(silent_seconds: int = SILENT_SECONDS) -> AutomationCore:
    """The automation, for Prefect's server.

    Args:
        silent_seconds: a run without a heartbeat for so long is over.
    """
    from datetime import timedelta

    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    ends = ("Completed", "Failed", "Cancelled", "Crashed", "Skipped")
    trigger = EventTrigger(
        after={"prefect.flow-run.heartbeat"},
        expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{name}" for name in ends)},
        match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        threshold=1,
        within=timedelta(seconds=silent_seconds),
    )
    action = ChangeFlowRunState(
        state=StateType.CRASHED,
        message=f"no heartbeat for {duration(silent_seconds)}; Retry computes what is missing",
    )
    return AutomationCore(
        name=NAME,
        description="Runs whose process died with its machine would be shown as running for ever.",
        trigger=trigger,
        actions=[action],
    )


def ensure() -> None:
    """Make the automation known to the configured server, once however often this is called."""
    from prefect.client.orchestration import get_client

    wanted = automation()
    with get_client(sync_client=True) as client:
        known = client.read_automations_by_name(NAME)
        if known:
            client.update_automation(known[0].id, wanted)
        else:
            client.create_automation(wanted)


if __name__ == "__main__":
    ensure()
