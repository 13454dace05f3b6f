"""`qilin rerun`: a night again from a chosen stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from flows._cli_flags import Quiet, Verbose
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
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Run a night again from a stage: what comes before is reused, the rest is computed anew."""
    if preview:
        print(table(_planned(run, from_stage)))
        return 0
    from flows._run import rerun_night

    finished = watched(
        lambda watch: rerun_night(run, from_stage, reason, watch=watch, verbose=verbose),
        f"{run or 'the newest run'} again from {from_stage}",
        quiet,
    )
    return tell(finished, quiet=quiet)


def _planned(run: str, from_stage: str) -> Preview:
    from flows import _history, _preview
    from flows._night import code_of_steps

    store = Store()
    return _preview.preview(_history.summary_of(store, run), from_stage, code_of_steps(), store)


def table(plan: Preview) -> str:
    """The preview for the terminal: a line for each block and the whole in a sentence."""
    width = max(len(row.label) for row in plan.rows)
    lines = [
        f"{'anew' if row.computed else 'reuse':<6} {row.label:<{width}}  {row.seconds:6.1f} s  "
        f"{row.why}"
        for row in plan.rows
    ]
    return "\n".join([*lines, plan.sentence])
