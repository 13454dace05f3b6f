"""A night again from a chosen stage: what comes before is reused, the rest is computed anew.

Retry computes what failed; this computes what somebody doubts. The preview, an artifact of the
run, lists beforehand what will be reused and what computed, with the time to expect.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from prefect import State, flow, runtime
from prefect.artifacts import create_table_artifact
from prefect.states import Completed, Failed
from pydantic import Field

from flows import _history, _hooks, _inputs, _preview, _runner, _session, _turns
from flows._night import Night, code_of_steps
from tasks.data.store import Store
from tasks.errors import QilinError

PREVIEW_KEY = "rerun-preview"
Stage = Literal["load", "features", "backtest", "train", "report"]


def run_name() -> str:
    """`rerun 2026-11-20 full from train`."""
    parameters = runtime.flow_run.parameters
    try:
        run = _history.summary_of(Store(), parameters["run"])["run"]
    except QilinError:  # the flow itself meets it next, and ends with its sentence
        return f"rerun from {parameters['from_stage']}"
    what = "rerun preview" if parameters["preview"] else "rerun"
    return f"{what} {run['day']} {run['size']} from {parameters['from_stage']}"


@flow(
    name="rerun",
    flow_run_name=run_name,
    task_runner=_runner.task_runner(),  # type: ignore[arg-type]  # its futures are its own kind
    on_failure=[_hooks.report_failure],
    on_completion=[_hooks.report_completion],
    on_crashed=[_hooks.report_crash],
    retries=0,
    persist_result=False,
)
def rerun(
    run: str = "",
    from_stage: Stage = "report",
    reason: Annotated[str, Field(max_length=400)] = "",
    preview: bool = False,
) -> dict[str, Any] | State[Any]:
    """Run a night again from a stage.

    Args:
        run: Id, folder or name of the night's run, or a day for the last run of it. Empty
            (default): the newest run.
        from_stage: Everything of this stage, and whatever waits for it, is computed anew; what
            comes before is reused. report (default) only writes the report again.
        reason: A sentence to find this run by later; shown in the report. Default empty.
        preview: On: list what would be reused and computed, with the time to expect, and end. Off
            (default): list it, then do just that. The list is the artifact rerun-preview.

    Returns:
        The new run's summary; with `preview`, the state Completed, whose message counts what would
        be done.
    """
    try:
        store = Store()
        summary = _history.summary_of(store, run)
        plan = _preview.preview(summary, from_stage, code_of_steps(), store)
        name = f"{summary['run']['day']} {summary['run']['size']}"
        create_table_artifact(plan.table(), key=PREVIEW_KEY, description=f"{name}: {plan.sentence}")
        if preview:
            return Completed(message=f"preview of {name} from {from_stage}: {plan.sentence}")
        return _again(summary, from_stage, reason, store)
    except _turns.NoTurnError as no_turn:
        return Completed(name=_turns.SKIPPED, message=str(no_turn))
    except QilinError as error:
        return Failed(message=str(error), data=error)


def _again(summary: dict[str, Any], from_stage: str, reason: str, store: Store) -> dict[str, Any]:
    """The night of a summary, with its settings, as a run of its own."""
    run = summary["run"]
    words = f"run {run['id']} again from {from_stage}" + (f": {reason}" if reason else "")
    config = _history.settings_of(store, run["id"]).model_copy(update={"note": words[:500]})
    _session.remember(run["day"], config, str(runtime.flow_run.id), store)
    _inputs.set_aside(str(runtime.flow_run.id), _inputs.set_aside(run["id"], [], store), store)
    night = Night(config, fresh_from=from_stage)
    with _turns.turn(config, _turns.this_run(), night.day):
        return night.run()
