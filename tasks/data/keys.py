"""What an artifact's key hashes: the work, and nothing that may differ between two equal runs."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tasks.data.store import Artifact
from tasks.data.userfiles import UserFile


def key(
    stage: str,
    parameters: Mapping[str, Any],
    *,
    code: str,
    packages: Iterable[str] = (),
    device: str = "cpu",
) -> str:
    """Key of a piece of work, 64 hex digits.

    Hashes the stage's name, its parameters (artifacts and the user's files count by their
    content), the code it reaches, the versions of the numeric packages it uses and the kind of
    device; never a path, a worker count, a time or a run id.
    """
    content = {
        "stage": stage,
        "parameters": canonical(parameters),
        "code": code,
        "packages": {name: installed_version(name) for name in sorted(packages)},
        "device": device,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def canonical(value: Any) -> Any:
    """A JSON value that is equal for equal work; unknown kinds are refused, never `repr`ed."""
    if isinstance(value, Artifact):
        return {"artifact": value.sha256}
    if isinstance(value, UserFile):
        return {"content": value.sha256}
    if hasattr(value, "model_dump"):
        return canonical(value.model_dump(mode="json"))
    if isinstance(value, Mapping):
        if {"sha256", "key", "uri", "files"} <= value.keys():
            return {"artifact": value["sha256"]}
        return {str(k): canonical(v) for k, v in sorted(value.items(), key=lambda kv: str(kv[0]))}
    if isinstance(value, (list, tuple)):
        return [canonical(v) for v in value]
    if isinstance(value, float):
        return value.hex()
    if value is None or isinstance(value, (str, int, bool)):
        return value
    raise TypeError(f"a step's parameter of type {type(value).__name__} has no canonical form")


@functools.cache
def installed_version(package: str) -> str:
    """Version of an installed distribution, or `absent`."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
