"""`qilin check leaks FILE`: whether your own factors use data from the future."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows import _cli_config

if TYPE_CHECKING:
    from tasks.validation.factorcheck import Finding

_EXIT_FOUND = 1


def leaks(
    file: Annotated[
        Path,
        Parameter(
            help="TOML or text file of `name = expression` lines, or Python file of functions "
            "that take a panel and give dates x symbols arrays."
        ),
    ],
    /,
    *,
    config: Annotated[
        Path | None, Parameter(help="TOML file with settings, such as deployments/full.toml.")
    ] = None,
    data_date: Annotated[
        str | None, Parameter(help="Last session to compute on; by default the newest.")
    ] = None,
    source: Annotated[
        str | None, Parameter(help="Data source; by default the simulated market.")
    ] = None,
    data_path: Annotated[str | None, Parameter(help="Its file or folder.")] = None,
    json_: Annotated[bool, Parameter("--json", negative="", help="Print findings as JSON.")] = (
        False
    ),
) -> int:
    """Look for factors that use data from the future.

    Every factor is computed on the bars as they are, with the future cut off, and with the future
    scaled, missing or shuffled; the past must stay as it is, bit for bit. Exit code 0 if nothing
    leaks, 1 if something does, 2 if the file is at fault.
    """
    began = time.monotonic()
    from flows import _session
    from tasks.data.sources import registry
    from tasks.indicators import userfactors
    from tasks.validation.factorcheck import check_factors

    flags = {"data_date": data_date, "data.source": source, "data.path": data_path}
    chosen = _cli_config.nightly_config(config, flags, ())
    factors = userfactors.read(str(file))
    day = _session.resolve(chosen, dt.datetime.now(dt.UTC))
    bars = registry.read(chosen.data, day)
    findings = check_factors(factors, bars, chosen.advanced.gate)
    code = _EXIT_FOUND if any(f.state == "FAIL" for f in findings) else 0
    if json_:
        print(json.dumps([dataclasses.asdict(f) for f in findings], indent=1))
    else:
        print(f"{file.name} on {chosen.data.source} data to {day}")
        print("\n".join([*_lines(findings), _closing(findings, time.monotonic() - began, code)]))
    return code


def _lines(findings: list[Finding]) -> list[str]:
    """`FAIL  peeking   uses the future: ...`."""
    width = max(len(f.name) for f in findings)
    return [f"{f.state:<5} {f.name:<{width}}  {f.found}" for f in findings]


def _closing(findings: list[Finding], seconds: float, code: int) -> str:
    """`1 of 3 factors leaks in 3.2 s        exit 1`."""
    factors = [f for f in findings if f.state != "SKIP"]
    bad = sum(f.state == "FAIL" for f in factors)
    words = f"{len(factors) - bad} passed, {bad} failed"
    skipped = len(findings) - len(factors)
    words += f", {skipped} not tested" if skipped else ""
    return f"{words} in {seconds:.1f} s" + (f"        exit {code}" if code else "")
