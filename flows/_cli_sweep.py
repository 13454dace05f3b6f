"""`qilin sweep`: parameter sets by the thousand or the million, planned before they start."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from flows import _cli_config
from flows._cli_flags import AsJson, Verbose
from flows._cli_nightly import check_files
from flows._cli_outcome import watched
from flows._settings import SweepRunConfig
from tasks import settings

if TYPE_CHECKING:
    from flows._run import Finished


def sweep(
    *,
    config: Annotated[
        Path | None,
        Parameter(help="TOML file with settings; a night's file will do, as far as it is shared."),
    ] = None,
    data_date: Annotated[str | None, Parameter(help="Session to work on, as for a night.")] = None,
    source: Annotated[str | None, Parameter(help="Data source, as for a night.")] = None,
    data_path: Annotated[str | None, Parameter(help="File or folder of the data.")] = None,
    size: Annotated[str | None, Parameter(help="small: the first 50 stocks; full: all.")] = None,
    strategy: Annotated[str | None, Parameter(help="Strategy, such as ma_cross.")] = None,
    strategy_file: Annotated[
        str | None, Parameter(help="TOML or Python file with a strategy of your own.")
    ] = None,
    search: Annotated[str | None, Parameter(help="grid, random or optuna.")] = None,
    plan: Annotated[
        bool,
        Parameter("--plan", negative="", help="Only say how much time and memory it would take."),
    ] = False,
    set_: Annotated[
        tuple[str, ...],
        Parameter(
            "--set",
            negative="",
            help="Any setting, such as --set budget.minutes=600 or "
            "--set advanced.sweep.values.window=[5,10]. May be repeated.",
        ),
    ] = (),
    json_: AsJson = False,
    quiet: Annotated[
        bool, Parameter(("--quiet", "-q"), negative="", help="Print only the table's path.")
    ] = False,
    verbose: Verbose = False,
) -> int:
    """Sweep the parameters of a strategy and print where the table of all trials lies.

    A probe predicts time and memory first; what does not fit into the budget is refused with exit
    code 2. Started again after a crash, a sweep goes on where it was.
    """
    flags = {
        "data_date": data_date, "data.source": source, "data.path": data_path, "size": size,
        "advanced.sweep.strategy": strategy, "advanced.sweep.strategy_file": strategy_file,
        "advanced.sweep.search": search, "plan_only": "true" if plan else None,
    }  # fmt: skip
    chosen = _cli_config.configured(SweepRunConfig, config, flags, set_)
    check_files(chosen)

    def run(watch: Any) -> Finished:
        from flows._run import run_sweep

        return run_sweep(chosen, watch=watch, verbose=verbose)

    finished = watched(run, f"sweep of {chosen.size} size", quiet or json_, "sweep")
    return tell(finished, as_json=json_, quiet=quiet)


def tell(finished: Finished, *, as_json: bool = False, quiet: bool = False) -> int:
    """Print how a sweep ended; the exit code."""
    root, summary = settings.home().rstrip("/"), finished.summary
    table = f"{root}/{summary['table']}" if summary.get("table") else ""
    if as_json:
        told = {"exit_code": finished.exit_code, "run_id": finished.run_id, "name": finished.name,
                "error": finished.error, **summary, "table": table}  # fmt: skip
        print(json.dumps(told, indent=1))
    elif quiet:
        if table:
            print(table)
    elif summary and not finished.error:
        print(f"{summary['state']}  {finished.name}: {summary['sentence']}")
        if table:
            print(f"table: {table}")
    if finished.error:
        print(f"qilin: {finished.error}", file=sys.stderr)
    return finished.exit_code
