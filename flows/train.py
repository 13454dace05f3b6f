"""Training alone: the night's data, features and models, tomorrow's ranking, and no sweep.

For a model that is tried by hand or retrained between nights. It takes the night's own steps: what
a night has computed is found, and the other way round.
"""

from __future__ import annotations

from typing import Any

from prefect import State, flow, runtime
from prefect.states import Completed, Failed

from flows import _hooks, _runner, _session, _turns
from flows._night import Night
from flows._settings import NightlyConfig
from tasks.errors import QilinError


def run_name() -> str:
    """`train lightgbm full`."""
    config = runtime.flow_run.parameters["config"]
    if isinstance(config, dict):
        config = NightlyConfig.model_validate(config)
    return f"train {config.advanced.train.model} {config.size}"


@flow(
    name="train",
    flow_run_name=run_name,
    task_runner=_runner.task_runner(),  # type: ignore[arg-type]  # its futures are its own kind
    on_running=[_hooks.tag_with_size],
    on_failure=[_hooks.report_failure],
    on_completion=[_hooks.report_completion],
    on_crashed=[_hooks.report_crash],
    retries=0,
    persist_result=False,
)
def train(
    config: NightlyConfig = NightlyConfig(),  # noqa: B008 - frozen
) -> dict[str, Any] | State[Any]:
    """Train the models and rank the stocks.

    Args:
        config: As for a night; what only a sweep needs is not looked at.

    Returns:
        The run's summary, as written to `summary.json`; the state Failed if a block failed.
    """
    try:
        run = Training(config)
        with _turns.turn(config, _turns.this_run(), run.day):
            return run.run()
    except _turns.NoTurnError as no_turn:
        return Completed(name=_turns.SKIPPED, message=str(no_turn))
    except QilinError as error:
        return Failed(message=str(error), data=error)


class Training(Night):
    """A night that trains and ranks, and sweeps nothing."""

    flow = "train"

    def __init__(self, config: NightlyConfig) -> None:
        super().__init__(config)
        self.folder = _session.training_folder(self.day, self.run_id, self.store)

    def work(self) -> None:
        """Features and what is trained on them."""
        self.board.skip("backtest", "no part of a training run")
        features = self.start_features()
        self._keep_all(self.train(features, self.start_leak_tests()))
