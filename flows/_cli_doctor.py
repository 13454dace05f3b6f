"""`qilin doctor`: what this machine has, what Qilin will use, and what is wrong, one line each."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from flows import _cli_config
from flows._cli_checks import CODE_ENVIRONMENT, Check, all_checks


def doctor(
    *,
    config: Annotated[
        Path | None, Parameter(help="TOML file whose data source is looked at.")
    ] = None,
    source: Annotated[str | None, Parameter(help="Data source to look at instead.")] = None,
    data_path: Annotated[str | None, Parameter(help="Its file or folder.")] = None,
    simulator: Annotated[
        bool, Parameter(negative="", help="Compare the GPU's kernels in numba's simulator, no GPU.")
    ] = False,
    json_: Annotated[bool, Parameter("--json", negative="", help="Print the checks as JSON.")] = (
        False
    ),
) -> int:
    """Look at everything a night needs; changes nothing.

    Exit code 0 if nothing failed, 4 if the data is not ready, 5 if the machine or a service is at
    fault.
    """
    began = time.monotonic()
    chosen = _cli_config.nightly_config(config, {"data.source": source, "data.path": data_path}, ())
    checks = []
    for check in all_checks(chosen.data, simulator):
        checks.append(check)
        if not json_:
            print("\n".join(lines(check)), flush=True)
    code = exit_code(checks)
    if json_:
        print(json.dumps([dataclasses.asdict(check) for check in checks], indent=1))
    else:
        print(closing(checks, time.monotonic() - began, code))
    return code


def lines(check: Check) -> list[str]:
    """`WARN  gpu   none visible`, and below it what to do."""
    found = [f"{check.state:<5} {check.name:<10} {check.found}"]
    return [*found, f"      fix: {check.fix}"] if check.fix else found


def closing(checks: Iterable[Check], seconds: float, code: int) -> str:
    """`1 problem, 1 warning, 9 passed in 3.2 s        exit 4`."""
    counts = Counter(check.state for check in checks)
    problems, warnings = counts["FAIL"], counts["WARN"]
    words = [f"{problems} problem" + ("s" if problems > 1 else "")] if problems else []
    words += [f"{warnings} warning" + ("s" if warnings > 1 else "")] if warnings else []
    words += [f"{counts['PASS']} passed"]
    words += [f"{counts['SKIP']} not used"] if counts["SKIP"] else []
    return f"{', '.join(words)} in {seconds:.1f} s" + (f"        exit {code}" if code else "")


def exit_code(checks: Iterable[Check]) -> int:
    """0, or the code of what failed; the environment counts before the data."""
    codes = {check.code for check in checks if check.state == "FAIL"}
    return CODE_ENVIRONMENT if CODE_ENVIRONMENT in codes else min(codes, default=0)
