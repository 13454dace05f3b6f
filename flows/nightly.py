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

from prefect import flow, runtime

from flows import _hooks, _lock, _names, _runner
from flows._night import Night
from flows._settings import NightlyConfig


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
def nightly(config: NightlyConfig = NightlyConfig()) -> dict[str, Any]:  # noqa: B008 - frozen
    """Run one night and publish its report.

    Args:
        config: What to run. The form can be submitted unchanged.

    Returns:
        The run's summary, as written to `summary.json`.

    Raises:
        NightFailedError: some blocks failed; finished blocks stand and Retry computes the rest.
    """
    with _lock.held(str(runtime.flow_run.id)):
        night = Night(config)
        if night.load():
            features = night.start_features()
            sweep = night.start_sweep()
            leaks = night.start_leak_tests()
            night.train(features)
            night.trade()
            night.judge(sweep, leaks)
        return night.publish()
