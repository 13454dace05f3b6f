"""`qilin train`: the models of a night and tomorrow's ranking, without a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from flows import _cli_config
from flows._cli_flags import AsJson, Quiet, Strict, Verbose
from flows._cli_nightly import check_files
from flows._cli_outcome import tell, watched

if TYPE_CHECKING:
    from flows._run import Finished


def train(
    *,
    config: Annotated[
        Path | None, Parameter(help="TOML file with settings; a night's file will do.")
    ] = None,
    data_date: Annotated[str | None, Parameter(help="Session to work on, as for a night.")] = None,
    source: Annotated[str | None, Parameter(help="Data source, as for a night.")] = None,
    data_path: Annotated[str | None, Parameter(help="File or folder of the data.")] = None,
    size: Annotated[str | None, Parameter(help="small: the first 50 stocks; full: all.")] = None,
    model: Annotated[str | None, Parameter(help="lightgbm, xgboost or pytorch.")] = None,
    set_: Annotated[
        tuple[str, ...],
        Parameter(
            "--set",
            negative="",
            help="Any setting, such as --set advanced.train.rounds=50. May be repeated.",
        ),
    ] = (),
    json_: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    strict: Strict = False,
) -> int:
    """Train the models, rank the stocks and print where the report lies; nothing is swept.

    Takes a night's own steps: what a night has computed is found, and the other way round.
    """
    flags = {
        "data_date": data_date, "data.source": source, "data.path": data_path, "size": size,
        "advanced.train.model": model,
    }  # fmt: skip
    chosen = _cli_config.nightly_config(config, flags, set_)
    check_files(chosen)

    def run(watch: Any) -> Finished:
        from flows._run import run_night

        return run_night(chosen, flow="train", watch=watch, verbose=verbose)

    what = f"{chosen.advanced.train.model}, {chosen.size}, {chosen.data.source} data"
    finished = watched(run, what, quiet or json_, "train")
    return tell(finished, chosen.language, as_json=json_, quiet=quiet, strict=strict)
