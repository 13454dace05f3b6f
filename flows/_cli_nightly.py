"""`qilin nightly`, `retry` and `settings`: run a night, resume one, list what can be set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from flows import _cli_config
from flows._cli_flags import AsJson, Quiet, Strict, Verbose
from flows._cli_outcome import tell, watched
from flows._settings import NightlyConfig, SweepRunConfig
from tasks.errors import UserError

if TYPE_CHECKING:
    from flows._run import Finished


def _help(name: str) -> str:
    """A setting's own description, so that flags, form and file say the same."""
    model: Any = NightlyConfig
    *path, last = name.split(".")
    for part in path:
        model = model.model_fields[part].annotation
    return str(model.model_fields[last].description)


def nightly(
    *,
    config: Annotated[
        Path | None, Parameter(help="TOML file with settings, such as deployments/full.toml.")
    ] = None,
    data_date: Annotated[str | None, Parameter(help=_help("data_date"))] = None,
    source: Annotated[str | None, Parameter(help=_help("data.source"))] = None,
    data_path: Annotated[str | None, Parameter(help=_help("data.path"))] = None,
    size: Annotated[str | None, Parameter(help=_help("size"))] = None,
    device: Annotated[str | None, Parameter(help=_help("device"))] = None,
    language: Annotated[str | None, Parameter(help=_help("language"))] = None,
    note: Annotated[str | None, Parameter(help=_help("note"))] = None,
    set_: Annotated[
        tuple[str, ...],
        Parameter(
            "--set",
            negative="",
            help="Any setting, such as --set advanced.train.rounds=50; also written "
            "--advanced.train.rounds 50. May be repeated. `qilin settings` lists them all.",
        ),
    ] = (),
    json_: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    strict: Strict = False,
) -> int:
    """Run one night and print where its report lies.

    Brings up a Prefect server on this machine if none is configured, and takes it down again. What
    is computed already is found and not computed again.
    """
    flags = {
        "data_date": data_date, "data.source": source, "data.path": data_path, "size": size,
        "device": device, "language": language, "note": note,
    }  # fmt: skip
    chosen = _cli_config.nightly_config(config, flags, set_)
    check_files(chosen)

    def run(watch: Any) -> Finished:
        from flows._run import run_night

        return run_night(chosen, watch=watch, verbose=verbose)

    finished = watched(run, f"{chosen.size}, {chosen.data.source} data", quiet or json_)
    return tell(finished, chosen.language, as_json=json_, quiet=quiet, strict=strict)


def retry(
    run: Annotated[
        str, Parameter(help="Id or name of a run; by default the newest that did not complete.")
    ] = "",
    *,
    json_: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    strict: Strict = False,
) -> int:
    """Run what failed again: finished blocks are found, the rest is computed."""

    def again(watch: Any) -> Finished:
        from flows._run import retry_night

        return retry_night(run, watch=watch, verbose=verbose)

    finished = watched(again, f"retrying {run or 'the newest unfinished run'}", quiet or json_)
    return tell(finished, as_json=json_, quiet=quiet, strict=strict)


def list_settings(
    kind: Annotated[
        Literal["toml", "names"], Parameter(help="toml: a complete file; names: one per line.")
    ] = "toml",
) -> int:
    """Print every setting with its meaning and default, as a TOML file for --config."""
    if kind == "names":
        print("\n".join(_cli_config.all_names()))
    else:
        print(_cli_config.as_toml(NightlyConfig()), end="")
    return 0


def check_files(config: NightlyConfig | SweepRunConfig) -> None:
    """Say at once, before anything starts, that a file is not there or what is wrong in it."""
    data = config.data
    if data.source != "simulated" and not data.path:
        raise UserError(f"data source {data.source!r} needs a file or folder: give --data-path")
    if data.path and "://" not in data.path and not Path(data.path).expanduser().exists():
        raise UserError(f"data path {data.path} does not exist: give another with --data-path")
    if config.advanced.features.file:
        from tasks.indicators import userfactors

        userfactors.read(config.advanced.features.file)
    if config.advanced.sweep.strategy_file:
        from tasks.data import userfiles

        userfiles.read(config.advanced.sweep.strategy_file, "strategy file")
