"""`qilin backfill`: a range of nights, each as known on its date."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows import _cli_config
from flows._cli_flags import Verbose


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
    at_once: Annotated[int, Parameter(help="How many nights work side by side.")] = 1,
    again: Annotated[
        bool, Parameter(negative="", help="Write the reports of finished nights again too.")
    ] = False,
    verbose: Verbose = False,
) -> int:
    """Run every session of a range that is not finished yet; broken off, it goes on."""
    flags = {"data.source": source, "data.path": data_path, "size": size}
    chosen = _cli_config.nightly_config(config, flags, set_)
    from flows._run import run_backfill

    ended = run_backfill(start, end, chosen, at_once=at_once, again=again, verbose=verbose)
    for row in ended.rows:
        print(f"{row['day']}  {row['state']:<9} {row['sentence']}")
    if ended.failed:
        print(f"qilin: {ended.sentence}", file=sys.stderr)
        return ended.exit_code
    print(ended.sentence)
    return 0
