"""Prove every GPU kernel on this machine's device, in a process of its own.

Run as `python -m flows._kernel_proofs`; prints one JSON object per group of kernels. A driver that
aborts takes only this process with it, and numba's simulator must be chosen before numba loads.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys

#: a GPU compiles each of some sixty kernels, in a second or two each
SECONDS = 600.0


@dataclasses.dataclass(frozen=True)
class Proof:
    """What came of a group.

    Attributes:
        group: its name.
        kernels: how many were compared.
        worst: name of the kernel that differs most from the CPU.
        ulps: by how many units in the last place; infinite where NaN, say, meets a number.
        refused: names of the kernels that do not serve.
        fault: half a sentence if the device could not be asked.
    """

    group: str
    kernels: int = 0
    worst: str = ""
    ulps: float = 0.0
    refused: tuple[str, ...] = ()
    fault: str = ""


def prove(simulator: bool) -> list[Proof]:
    """Ask a process of its own for the proofs of all groups."""
    environment = {**os.environ, **({"NUMBA_ENABLE_CUDASIM": "1"} if simulator else {})}
    command = [sys.executable, "-W", "ignore", "-m", __name__]
    try:
        done = subprocess.run(  # noqa: S603 -- our own module, with our own Python
            command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return [Proof("all", fault=f"no answer within {SECONDS:.0f} s")]
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2] or f"exit code {done.returncode}"
        return [Proof("all", fault=last[:200])]
    read = [json.loads(line) for line in done.stdout.splitlines()]
    return [Proof(**{**found, "refused": tuple(found["refused"])}) for found in read]


def main() -> None:
    """Print what this machine's device makes of every group."""
    from tasks.arrays import serving
    from tasks.backtest.gpu import SWEEPS
    from tasks.indicators.gpu import EXPRESSIONS, TECHNICAL

    for group in (TECHNICAL, EXPRESSIONS, SWEEPS):
        try:
            found = serving.findings(group)
        except Exception as error:
            lack = serving.fault(error)
            if lack is None:
                raise
            proof = Proof(group.name, fault=lack)
        else:
            refused = tuple(f.kernel for f in found if not f.serves)
            proof = Proof(group.name, len(found), found[0].kernel, found[0].ulps, refused)
        sys.stdout.write(json.dumps(dataclasses.asdict(proof)) + "\n")


if __name__ == "__main__":
    main()
