"""`qilin rerun`: a night again from a chosen stage."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from flows._cli_flags import AsJson, Quiet, Strict, Verbose
from flows._cli_outcome import tell, watched
from tasks.data.store import Store

if TYPE_CHECKING:
    from flows._preview import Preview

Stage = Literal["load", "features", "backtest", "train", "report"]


def rerun(
    run: Annotated[
        str, Parameter(help="Id, folder or name of a run, or a day; by default the newest run.")
    ] = "",
    *,
    from_stage: Annotated[
        Stage,
        Parameter(help="Computed anew with whatever waits for it; what comes before is reused."),
    ],
    reason: Annotated[str, Parameter(help="A sentence to find this run by later.")] = "",
    preview: Annotated[
        bool, Parameter(negative="", help="Only list what would be reused and computed.")
    ] = False,
    json_: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    strict: Strict = False,
) -> int:
    """Run a night again from a stage: what comes before is reused, the rest is computed anew."""
    if preview:
        plan = _planned(run, from_stage)
        print(json.dumps(_told(plan), indent=1) if json_ else table(plan))
        return 0
    from flows._run import rerun_night

    finished = watched(
        lambda watch: rerun_night(run, from_stage, reason, watch=watch, verbose=verbose),
        f"{run or 'the newest run'} again from {from_stage}",
        quiet or json_,
    )
    return tell(finished, as_json=json_, quiet=quiet, strict=strict)


def _planned(run: str, from_stage: str) -> Preview:
    from flows import _history, _preview
    from flows._night import code_of_steps

    store = Store()
    return _preview.preview(_history.summary_of(store, run), from_stage, code_of_steps(), store)


def _told(plan: Preview) -> dict[str, Any]:
    return {"sentence": plan.sentence, "blocks": [dataclasses.asdict(row) for row in plan.rows]}


def table(plan: Preview) -> str:
    """The preview for the terminal: a line for each block and the whole in a sentence."""
    width = max(len(row.label) for row in plan.rows)
    lines = [
        f"{'anew' if row.computed else 'reuse':<6} {row.label:<{width}}  {row.seconds:6.1f} s  "
        f"{row.why}"
        for row in plan.rows
    ]
    return "\n".join([*lines, plan.sentence])
