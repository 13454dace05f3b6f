"""Names that people search and sort by: runs, blocks, failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows._board import Failure


def night_run_name() -> str:
    """`nightly 2026-11-20 full`, with `manual` behind it where nobody scheduled the run.

    A scheduled run on a day without trading is called `nightly 2026-10-01 holiday`.
    """
    from prefect import runtime
    from prefect.context import FlowRunContext

    from flows import _session, _turns
    from tasks.data.store import Store
    from tasks.errors import QilinError

    config = runtime.flow_run.parameters["config"]
    if isinstance(config, dict):
        from flows._settings import NightlyConfig

        config = NightlyConfig.model_validate(config)
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    run_id = str(runtime.flow_run.id)
    try:
        if run is not None and _turns.holiday(config, run):
            return f"nightly {_turns.day_of(run)} holiday"
        day = _session.session_of(config, run_id, runtime.flow_run.scheduled_start_time, Store())
    except QilinError:  # the flow itself meets it next, and ends with its sentence
        day = config.data_date or "without data"
    scheduled = run is not None and _turns.is_scheduled(run)
    return f"nightly {day} {config.size}" + ("" if scheduled else " manual")


def block(stage: str, index: int, count: int, detail: str = "") -> str:
    """`backtest 04/20 trials 0750-0999`: stage first, zero-padded, so that sorting works."""
    width = max(2, len(str(count)))
    return f"{stage} {index + 1:0{width}d}/{count:0{width}d} {detail}".strip()


def failure_sentence(failures: Sequence[Failure]) -> str:
    """One sentence that names what failed; the first cause in full, a common one once."""
    first = failures[0]
    if len(failures) == 1:
        return f"1 block failed: {first.sentence}"
    if len({f.sentence.removeprefix(f.label) for f in failures}) == 1:
        return f"{len(failures)} blocks failed alike, the first being {first.sentence}"
    names = ", ".join(f.label for f in failures[1:6])
    more = f" and {len(failures) - 6} more" if len(failures) > 6 else ""
    return f"{len(failures)} blocks failed: {first.sentence}. Also failed: {names}{more}"


def outputs(blocks: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Label of each block to the name of its artifact: its step, and its place among its kind.

    Places follow the labels, which count the blocks of a kind, and not the order of the work.

    Args:
        blocks: step and label of each.
    """
    labels: dict[str, list[str]] = {}
    for step, label in blocks:
        labels.setdefault(step, []).append(label)
    return {
        label: f"{step}/{place:03d}" if len(several) > 1 else step
        for step, several in labels.items()
        for place, label in enumerate(sorted(several))
    }
