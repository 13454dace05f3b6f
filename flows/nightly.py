"""The night: bars, checks, features, backtests, models, a ranking and a report.

Runs at 18:30 exchange time on weekdays by its deployment, by hand from the Prefect UI, or by
`qilin nightly`; nothing else triggers it. Retry, a restart after a crash and the next night all
find what is done by its key, and compute the rest.

    load -> check -+-> features (blocks) -> dataset -> folds -> predictions -> portfolio -+-> report
                   |                           +-> production fit -> ranking -------------+
                   +-> sweep (blocks) -> trials ------------------------------------------+
                   +-> leak tests --------------------------------------------------------+

The leak tests begin at the raw rows; the dataset waits for them, and does without what leaks.
"""

from __future__ import annotations

from typing import Any

from prefect import State, flow
from prefect.states import Completed, Failed

from flows import _hooks, _names, _runner, _session, _turns
from flows._night import Night
from flows._settings import NightlyConfig
from tasks.errors import QilinError


@flow(
    name="nightly",
    flow_run_name=_names.night_run_name,
    task_runner=_runner.task_runner(),  # type: ignore[arg-type]  # its futures are its own kind
    on_running=[_hooks.tag_with_size],
    on_failure=[_hooks.report_failure],
    on_crashed=[_hooks.report_crash],
    on_completion=[_hooks.report_completion],
    retries=0,
    persist_result=False,
)
def nightly(
    config: NightlyConfig = NightlyConfig(),  # noqa: B008 - frozen
) -> dict[str, Any] | State[Any]:
    """Run one night and publish its report.

    Args:
        config: What to run. The form can be submitted unchanged.

    Returns:
        The run's summary, as written to `summary.json`. If blocks failed, the state Failed, whose
        message names them and begins with the first, as Prefect's pages show only its beginning;
        finished blocks stand and Retry computes the rest. A night that has no turn, such as on a
        holiday, ends Completed under the name Skipped, with the reason.
    """
    try:
        flow_run = _turns.this_run()
        night = Night(config)
        if _turns.is_comparison(flow_run):
            night.folder = _session.comparison_folder(night.day, night.run_id, night.store)
        with _turns.turn(config, flow_run, night.day):
            return night.run()
    except _turns.NoTurnError as reason:
        return Completed(name=_turns.SKIPPED, message=str(reason))
    except QilinError as error:
        return Failed(message=str(error), data=error)
