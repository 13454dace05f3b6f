"""Flags that several commands share, each with one help text; imports nothing of Qilin."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

AsJson = Annotated[bool, Parameter("--json", negative="", help="Print the outcome as JSON.")]
Quiet = Annotated[
    bool, Parameter(("--quiet", "-q"), negative="", help="Print only the report's path.")
]
Verbose = Annotated[
    bool, Parameter(("--verbose", "-v"), negative="", help="Show Prefect's log too.")
]
Strict = Annotated[
    bool, Parameter("--strict", negative="", help="Exit with 3 if the night ends in WARN.")
]
