"""Clusters beyond this machine, from the environment: TLS, any Dask cluster class, scaling.

| variable | meaning |
|---|---|
| `QILIN_CLUSTER_TLS_CA`, `..._TLS_CERT`, `..._TLS_KEY` | PEM files for `tls://`; else Dask's own |
| `QILIN_CLUSTER_KWARGS` | JSON object, the arguments of `class:module.Name` |
| `QILIN_CLUSTER_ADAPT` | `1:8`: Dask adds and removes workers between these counts |
| `QILIN_CLUSTER_MEMORY` | such as `4GiB`: memory of one worker process of this machine |
"""

from __future__ import annotations

import importlib
import json
import os
import re
from pathlib import Path
from typing import Any

from tasks.errors import MissingPackageError, UserError

KWARGS = "QILIN_CLUSTER_KWARGS"
ADAPT = "QILIN_CLUSTER_ADAPT"
MEMORY = "QILIN_CLUSTER_MEMORY"
_TLS = {
    "tls_ca_file": "QILIN_CLUSTER_TLS_CA",
    "tls_client_cert": "QILIN_CLUSTER_TLS_CERT",
    "tls_client_key": "QILIN_CLUSTER_TLS_KEY",
}
_RANGE = re.compile(r"([0-9]{1,4}):([0-9]{1,4})")
#: less cannot hold the numeric libraries
_LEAST_MEMORY = 256 * 2**20


def security(text: str) -> Any:
    """TLS of a connection to `text`, with encryption required.

    Raises:
        UserError: certificates are missing, or a file that is named does not exist.
    """
    import distributed.security

    given = {field: os.environ.get(name, "") for field, name in _TLS.items()}
    named = {field: path for field, path in given.items() if path}
    for field, path in named.items():
        if not Path(path).is_file():
            raise UserError(
                f"{_TLS[field]} is {path!r}, and there is no such file: name a PEM file"
            )
    if named and len(named) < len(_TLS):
        missing = next(name for field, name in _TLS.items() if field not in named)
        raise UserError(
            f"{missing} is not set: TLS needs {', '.join(_TLS.values())}, all three of them"
        )
    make: Any = distributed.security.Security
    made = make(require_encryption=True, **named)
    if not made.tls_ca_file:
        raise UserError(
            f"QILIN_CLUSTER {text!r} needs certificates: set {', '.join(_TLS.values())}, or Dask's "
            "own distributed.comm.tls settings"
        )
    return made


def cluster_class(text: str) -> str:
    """The qualified name behind `class:`, checked to be there.

    Raises:
        UserError: it is no name of a class.
        MissingPackageError: its package is not installed.
    """
    name = text.partition(":")[2]
    module, dot, last = name.rpartition(".")
    if not dot or not all(part.isidentifier() for part in name.split(".")):
        raise UserError(
            f"QILIN_CLUSTER {text!r} names no class: write it like class:dask_jobqueue.SLURMCluster"
        )
    try:
        found = getattr(importlib.import_module(module), last, None)
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"QILIN_CLUSTER {text!r} needs the package {error.name}, which is not installed: "
            f"install it here and on the workers"
        ) from error
    if not callable(found):
        raise UserError(f"QILIN_CLUSTER {text!r}: module {module} has no class {last}")
    return name


def class_arguments() -> dict[str, Any]:
    """`QILIN_CLUSTER_KWARGS`; empty if unset.

    Raises:
        UserError: it is no JSON object.
    """
    text = os.environ.get(KWARGS, "").strip()
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UserError(
            f'{KWARGS} is no JSON ({error}): write it like {{"cores": 8, "memory": "32GB"}}'
        ) from error
    if not isinstance(value, dict) or "asynchronous" in value:
        raise UserError(f"{KWARGS} must be a JSON object, without `asynchronous`")
    return value


def adaption() -> dict[str, int]:
    """`minimum` and `maximum` workers of `QILIN_CLUSTER_ADAPT`; empty for a fixed number.

    Raises:
        UserError: it is no range.
    """
    text = os.environ.get(ADAPT, "").strip()
    if not text:
        return {}
    match = _RANGE.fullmatch(text) if text.isascii() else None
    if match is None or not int(match[1]) <= int(match[2]) or int(match[2]) == 0:
        raise UserError(f"{ADAPT} is {text!r}: give the least and the most workers, such as 1:8")
    return {"minimum": int(match[1]), "maximum": int(match[2])}


def worker_memory() -> int | None:
    """Bytes of `QILIN_CLUSTER_MEMORY`; None if unset.

    Raises:
        UserError: it is no amount of memory.
    """
    text = os.environ.get(MEMORY, "").strip()
    if not text:
        return None
    from dask.utils import parse_bytes

    try:
        amount = int(parse_bytes(text))
    except ValueError:
        amount = 0
    if amount < _LEAST_MEMORY:
        raise UserError(f"{MEMORY} is {text!r}: give at least 256 MiB, such as 4GiB")
    return amount
