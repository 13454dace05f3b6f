"""Hooks of a night: its tags when it begins; run metrics and alerts when it ends, however it ends.

Hooks are called by keyword and must take exactly `flow`, `flow_run`, `state`. Monitoring never
fails a night: what could not be delivered waits in the outbox and is said in the run's log. A crash
that kills the whole process may run no hook at all; the age of the last success tells then.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from typing import TYPE_CHECKING, Any

from prefect.logging.loggers import flow_run_logger

from flows._turns import SKIPPED, is_comparison
from tasks import settings

if TYPE_CHECKING:
    from prefect import Flow, State
    from prefect.client.schemas.objects import FlowRun

_LAST_SUCCESS = "quant_flow_last_success_timestamp_seconds"


def tag_with_size(
    flow: Flow[..., Any],  # noqa: ARG001 - Prefect hands all three, by these names
    flow_run: FlowRun,
    state: State[Any],  # noqa: ARG001 - likewise
) -> None:
    """Add `size:full` or `size:small` to the run's tags, which a deployment cannot know."""
    from prefect.client.orchestration import get_client

    from flows._settings import NightlyConfig

    config = NightlyConfig.model_validate(flow_run.parameters.get("config", {}))
    tags = {*flow_run.tags, f"size:{config.size}"}
    if tags != set(flow_run.tags):
        with get_client(sync_client=True) as client:
            client.update_flow_run(flow_run.id, tags=sorted(tags))


def report_completion(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Push the metrics of a good night and close the alert of an earlier bad one.

    A night that had no turn only says that the schedule works. One that is computed to compare two
    others says nothing, however it ends: whoever compares them waits for it.
    """
    if is_comparison(flow_run):
        return
    if state.name == SKIPPED:
        _push({_LAST_SUCCESS: dt.datetime.now(dt.UTC).timestamp()}, flow, flow_run, state)
        return
    from tasks.monitor.night import tell

    _warn(tell(resolved=[_problem(flow)], end_of_night=True), flow, flow_run)
    values = {
        _LAST_SUCCESS: dt.datetime.now(dt.UTC).timestamp(),
        "quant_flow_last_run_failed": 0.0,
        **_night_values(flow_run),
    }
    _push(values, flow, flow_run, state)


def report_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Alert at once that a night ended Failed, and push that it did."""
    if is_comparison(flow_run):
        return
    _alert(flow, flow_run, state, "failed")
    _push({"quant_flow_last_run_failed": 1.0, **_night_values(flow_run)}, flow, flow_run, state)


def report_crash(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Alert at once that a night's process died, and push that it did."""
    if is_comparison(flow_run):
        return
    _alert(flow, flow_run, state, "crashed")
    _push({"quant_flow_last_run_failed": 1.0}, flow, flow_run, state)


def _alert(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any], how: str) -> None:
    from tasks.monitor.alerts import Alert, AlertLevel, AlertType
    from tasks.monitor.night import tell

    alert = Alert(
        type=AlertType.NIGHT,
        level=AlertLevel.CRITICAL,
        what=f"{flow_run.name} {how}",
        how_bad=_cause(state),
        effect="finished blocks stand; the report is marked incomplete or missing",
        do=f"open the run, mend the cause, press Retry (or: qilin retry {flow_run.id})",
        link=_link(flow_run),
        key=_problem(flow),
    )
    _warn(tell([alert]), flow, flow_run)


def _push(values: dict[str, float], flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    from tasks.monitor.night import run_metrics_from

    if flow_run.start_time is not None:
        ended = state.timestamp or dt.datetime.now(dt.UTC)
        seconds = (ended - flow_run.start_time).total_seconds()
        values["quant_flow_last_run_duration_seconds"] = seconds
    environ = dict(os.environ)
    if not environ.keys() & {"QILIN_PUSHGATEWAY", "QILIN_METRICS_TEXTFILE"}:
        environ["QILIN_METRICS_TEXTFILE"] = str(settings.local_home() / "metrics" / "qilin.prom")
    _warn(run_metrics_from(values, {"flow": flow.name}, environ), flow, flow_run)


def _warn(fault: str, flow: Flow[..., Any], flow_run: FlowRun) -> None:
    if fault:
        flow_run_logger(flow_run, flow).warning(fault)


def _night_values(flow_run: FlowRun) -> dict[str, float]:
    """Headline numbers of the run's summary, if it got that far."""
    from flows import _session
    from tasks.data.store import Store

    store = Store()
    uri = _session.folder_of(str(flow_run.id), store)
    text = store.read_note(f"{uri}/summary.json") if uri else ""
    if not text:
        return {}
    return {k: float(v) for k, v in json.loads(text).get("metrics", {}).items() if v is not None}


def _problem(flow: Flow[..., Any]) -> str:
    return f"{flow.name}:ended badly"


def _cause(state: State[Any]) -> str:
    text = (state.message or state.name or "").strip()
    return text.removeprefix("Flow run encountered an exception: ").splitlines()[0] if text else ""


def _link(flow_run: FlowRun) -> str:
    from prefect.settings import PREFECT_UI_URL

    base = PREFECT_UI_URL.value()
    return f"{base}/runs/flow-run/{flow_run.id}" if base else ""
