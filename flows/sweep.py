"""A sweep: as many parameter sets as you like over the night's data, planned before it starts.

Runs from the Prefect UI or by `qilin sweep`; no schedule starts it. It takes the night's own steps:
what a night has computed is found, and the other way round. Up to a few thousand sets are judged as
in a night; of more only the figures are kept, as Parquet, written block by block.

    load -> check -> plan -+-> blocks -> trials judged
                           +-> parts of many blocks -> table (large sweeps)
"""

from __future__ import annotations

from typing import Any

from prefect import State, flow, runtime
from prefect.states import Failed

from flows import _lock, _runner, _turns
from flows._settings import SweepRunConfig
from flows._sweep import Sweep
from tasks.data.store import Store
from tasks.errors import QilinError


def run_name() -> str:
    """`sweep ma_cross full`."""
    config = runtime.flow_run.parameters["config"]
    if isinstance(config, dict):
        config = SweepRunConfig.model_validate(config)
    chosen = config.advanced.sweep
    what = "plan of sweep" if config.plan_only else "sweep"
    strategy = chosen.strategy_file.rsplit("/", 1)[-1] or chosen.strategy
    return f"{what} {strategy} {config.size}"


@flow(
    name="sweep",
    flow_run_name=run_name,
    task_runner=_runner.task_runner(),  # type: ignore[arg-type]  # its futures are its own kind
    retries=0,
    persist_result=False,
)
def sweep(
    config: SweepRunConfig = SweepRunConfig(),  # noqa: B008 - frozen
) -> dict[str, Any] | State[Any]:
    """Sweep the parameters of a strategy.

    Args:
        config: What to sweep. The form can be submitted unchanged.

    Returns:
        The sweep's summary, as written to `summary.json`; the state Failed with one sentence if it
        does not fit into its budget, or a block failed. Finished blocks stand and Retry computes
        the rest.
    """
    try:
        run = Sweep(config)
        name = _turns.this_run()
        with _lock.held(str(name.id), f"run {name.name}"):
            _turns.clear_leftovers(Store())
            return run.run()
    except QilinError as error:
        return Failed(message=str(error), data=error)
