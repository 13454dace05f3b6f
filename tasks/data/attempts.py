"""Marks in the store that work was begun, and whether it ended: what a killed process leaves.

A mark is written before the work and says its end after the artifact is put. Whoever dies between
the two leaves an open mark beside a whole artifact: such work has ended all the same. Marks are
never removed, so that no moment of a crash can lose one.
"""

from __future__ import annotations

import dataclasses
import time
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.data.store import Artifact, Store

_ENDED = "ended"


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One time that the work of a key was begun.

    Attributes:
        uri: of its mark.
        started: seconds since 1970.
        ended: whether it said its end; open while it works and after it died or failed.
    """

    uri: str
    started: float
    ended: bool = False


def begin(store: Store, key: str) -> Attempt:
    """Leave a mark that a key's work is begun."""
    attempt = Attempt(f"{_folder(key)}/{uuid.uuid4().hex}", time.time())
    store.note(attempt.uri, str(attempt.started))
    return attempt


def end(store: Store, attempt: Attempt) -> None:
    """Note that what was begun gave its artifact."""
    store.note(attempt.uri, f"{attempt.started} {_ENDED}")


def of(store: Store, key: str) -> list[Attempt]:
    """Every time that a key's work was begun, oldest first."""
    found = []
    for name in store.names(_folder(key)):
        started, _, said = store.read_note(f"{_folder(key)}/{name}").partition(" ")
        found.append(Attempt(f"{_folder(key)}/{name}", float(started), said == _ENDED))
    return sorted(found, key=lambda attempt: attempt.started)


def unended(store: Store, key: str) -> int:
    """How often a key's work was begun and gave nothing, since it last gave something."""
    settled = _made(store.find(key, verify=False))
    return sum(not a.ended and a.started > settled for a in of(store, key))


def repeated(attempts: list[Attempt], since: float) -> bool:
    """Whether work was begun more than once since a moment, and not because somebody asked for it.

    Where each time gave an artifact, a rerun wanted it again.
    """
    late = [a for a in attempts if a.started >= since]
    return len(late) > 1 and not all(a.ended for a in late)


def _made(artifact: Artifact | None) -> float:
    """When the work of an artifact ended; of none, before everything."""
    if artifact is None:
        return 0.0
    return float(artifact.notes.get("began", 0.0)) + float(artifact.notes.get("seconds", 0.0))


def _folder(key: str) -> str:
    return f"attempts/{key[:2]}/{key}"
