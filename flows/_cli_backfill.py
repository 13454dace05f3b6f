"""`qilin backfill`: a range of nights, each as known on its date."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from flows import _cli_config
from flows._cli_flags import AsJson, Verbose
from flows._settings import MOST_AT_ONCE
from tasks import settings

if TYPE_CHECKING:
    from flows._run import Backfilled


def backfill(
    start: Annotated[str, Parameter(help="First day, such as 2026-06-01.")],
    end: Annotated[str, Parameter(help="Last day, included.")],
    *,
    config: Annotated[Path | None, Parameter(help="TOML file with settings of the nights.")] = None,
    source: Annotated[str | None, Parameter(help="Data source of the nights.")] = None,
    data_path: Annotated[str | None, Parameter(help="Its file or folder.")] = None,
    size: Annotated[str | None, Parameter(help="small or full.")] = None,
    set_: Annotated[
        tuple[str, ...],
        Parameter("--set", negative="", help="Any setting of the nights. May be repeated."),
    ] = (),
    at_once: Annotated[
        int,
        Parameter(
            validator=validators.Number(gte=1, lte=MOST_AT_ONCE),
            help=f"How many nights work side by side, 1 to {MOST_AT_ONCE}.",
        ),
    ] = 1,
    again: Annotated[
        bool, Parameter(negative="", help="Write the reports of finished nights again too.")
    ] = False,
    json_: AsJson = False,
    quiet: Annotated[
        bool, Parameter(("--quiet", "-q"), negative="", help="Print only the reports' paths.")
    ] = False,
    verbose: Verbose = False,
) -> int:
    """Run every session of a range that is not finished yet; broken off, it goes on.

    A night whose data are not there yet is left for the next time; the exit code is 4 then.
    """
    flags = {"data.source": source, "data.path": data_path, "size": size}
    chosen = _cli_config.nightly_config(config, flags, set_)
    from flows._run import run_backfill

    ended = run_backfill(start, end, chosen, at_once=at_once, again=again, verbose=verbose)
    return tell(ended, as_json=json_, quiet=quiet)


def tell(ended: Backfilled, *, as_json: bool = False, quiet: bool = False) -> int:
    """Print how a backfill ended; the exit code."""
    root = settings.home().rstrip("/")
    rows = [{**r, "report": f"{root}/{r['report']}" if r["report"] else ""} for r in ended.rows]
    if as_json:
        told = {"exit_code": ended.exit_code, "sentence": ended.sentence, "nights": rows}
        print(json.dumps(told, indent=1))
    elif quiet:
        print("\n".join(row["report"] for row in rows if row["report"]))
    else:
        for row in rows:
            print(f"{row['day']}  {row['state']:<9} {row['sentence']}")
    if ended.failed:
        print(f"qilin: {ended.sentence}", file=sys.stderr)
    elif not (as_json or quiet):
        print(ended.sentence)
    return ended.exit_code
