"""The night: bars, checks, features, backtests, models, a ranking and a report.

Runs at 18:30 exchange time on weekdays by its deployment, by hand from the Prefect UI, or by
`qilin nightly`; nothing else triggers it. Retry, a restart after a crash and the next night all
find what is done by its key, and compute the rest.

    load -> check -+-> features (blocks) -> dataset -> folds -> predictions -> portfolio -+-> report
                   |                           +-> production fit -> ranking -------------+
                   +-> sweep (blocks) -> trials ------------------------------------------+
                   +-> leak tests --------------------------------------------------------+
"""

from __future__ import annotations

from typing import Any

from prefect import State, flow, runtime
from prefect.states import Failed

from flows import _hooks, _lock, _names, _runner
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
        finished blocks stand and Retry computes the rest.
    """
    try:
        with _lock.held(str(runtime.flow_run.id)):
            return _run(Night(config))
    except QilinError as error:
        return Failed(message=str(error), data=error)


def _run(night: Night) -> dict[str, Any]:
    if night.load():
        features = night.start_features()
        sweep = night.start_sweep()
        leaks = night.start_leak_tests()
        night.train(features)
        night.trade()
        night.judge(sweep, leaks)
    return night.publish()
