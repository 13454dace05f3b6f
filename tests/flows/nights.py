"""Small nights run as a user runs them: the command in a process of its own."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks import settings

#: a market and a model so small that a whole night takes seconds of work
SMALL = (
    "data.simulated.n_symbols=40",
    "data.simulated.start=2024-01-02",
    "data_date=2026-06-30",
    "advanced.sweep.trials_per_block=8",
    "advanced.sweep.symbols_per_block=16",
    "advanced.sweep.fast.stop=20",
    "advanced.sweep.slow.stop=60",
    "advanced.train.rounds=20",
    "advanced.train.min_train_days=150",
)


@dataclasses.dataclass(frozen=True)
class Ran:
    """How the command ended."""

    code: int
    out: str
    err: str
    home: Path

    @property
    def summary(self) -> dict[str, Any]:
        text = (self.home / "runs" / "latest" / "summary.json").read_text()
        return json.loads(text)  # type: ignore[no-any-return]

    @property
    def computed(self) -> set[str]:
        """Names of the blocks that were computed, not found."""
        return {b["label"] for b in self.summary["blocks"] if b["state"] == "computed"}

    @property
    def outputs(self) -> dict[str, str]:
        return self.summary["outputs"]  # type: ignore[no-any-return]


def new_home(folder: Path) -> Path:
    """An empty store that shares the session's compiled kernels."""
    folder.mkdir(parents=True)
    (folder / "cache").symlink_to(Path(os.environ["QILIN_HOME"]) / "cache")
    return folder


def spoil(home: Path, calm: Ran) -> dict[str, Any]:
    """Make one block of a sweep fail for real; gives that block as the calm night's summary has it.

    A file lies where the store wants the folder of the block's artifact, and of no other's.
    """
    keys = [block["key"][:2] for block in calm.summary["blocks"] if block["key"]]
    block: dict[str, Any] = next(
        b for b in calm.summary["blocks"]
        if b["step"] == "sweep_block" and keys.count(b["key"][:2]) == 1
    )  # fmt: skip
    _obstacle(home, block).parent.mkdir(parents=True, exist_ok=True)
    _obstacle(home, block).write_text("in the way")
    return block


def mend(home: Path, block: dict[str, Any]) -> None:
    """Take away what `spoil` put there."""
    _obstacle(home, block).unlink()


def _obstacle(home: Path, block: dict[str, Any]) -> Path:
    return home / "objects" / block["key"][:2]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "flows.cli", *words]


def nightly(*more: str) -> list[str]:
    return command("nightly", *(w for s in (*SMALL, *more) for w in ("--set", s)))


def environment(home: Path, cluster: str = "threads:2", **more: str) -> dict[str, str]:
    return {**os.environ, "QILIN_HOME": str(home), "QILIN_CLUSTER": cluster, **more}


def run(words: list[str], env: Mapping[str, str], timeout: float = 300.0) -> Ran:
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=timeout)
    return Ran(done.returncode, done.stdout, done.stderr, Path(env["QILIN_HOME"]))


def certificates(folder: Path) -> tuple[list[str], dict[str, str]]:
    """New certificates: flags for Dask's commands, and settings for a driver."""
    script = settings.CHECKOUT / "deployments" / "dask" / "certificates.sh"
    subprocess.run(["sh", script, folder], check=True)
    files = {"CA": "ca.pem", "CERT": "node.pem", "KEY": "node.key"}
    flags = dict(zip(files, ("--tls-ca-file", "--tls-cert", "--tls-key"), strict=True))
    pair = [word for name, file in files.items() for word in (flags[name], str(folder / file))]
    return pair, {f"QILIN_CLUSTER_TLS_{name}": str(folder / f) for name, f in files.items()}
