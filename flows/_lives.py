"""The lives of a night: every process that worked on it, and which of them died.

A life begins when a run gets the night's turn, and notes its end when it is over, however it ended.
One that has no end died: killed, out of memory, or with its machine. The resume certificate tells
what the lives since the last complete one left behind, and checks that it is still what it was.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tasks.data import attempts
from tasks.data.attempts import Attempt
from tasks.data.store import Artifact, Store

if TYPE_CHECKING:
    from flows._board import Board

COMPLETED, FAILED = "completed", "failed"
_ZONE = ZoneInfo("Asia/Shanghai")


@dataclasses.dataclass(frozen=True)
class Life:
    """One process that worked on a night.

    Attributes:
        run: id of its flow run.
        started: seconds since 1970 when it got the night's turn.
        end: `completed`, `failed`, or empty while it works and after it died.
    """

    run: str
    started: float
    end: str = ""


@contextlib.contextmanager
def lived(store: Store, night: str, run: str) -> Iterator[None]:
    """Note a life's beginning, and its end.

    Args:
        store: where it is noted.
        night: the night's name; its turn is held, so that one life is lived at a time.
        run: id of the flow run.
    """
    life = Life(run, time.time())
    uri = f"lives/{night}/{life.started:017.6f}-{uuid.uuid4().hex[:8]}"

    def note(end: str) -> None:
        store.note(uri, json.dumps(dataclasses.asdict(life) | {"end": end}))

    note("")
    try:
        yield
    except BaseException:
        note(FAILED)
        raise
    note(COMPLETED)


def earlier(store: Store, night: str) -> list[Life]:
    """Lives before the present one, back to the last that completed the night; oldest first."""
    folder = f"lives/{night}"
    found = [Life(**json.loads(store.read_note(f"{folder}/{n}"))) for n in store.names(folder)]
    before = found[:-1]
    done = [i for i, life in enumerate(before) if life.end == COMPLETED]
    return before[done[-1] + 1 :] if done else before


def certificate(store: Store, night: str, board: Board) -> dict[str, Any]:
    """What the night survived, and whether all that it reused is what was written; checked now.

    Empty for a night of one life from which the cluster lost nothing.

    Args:
        store: the night's.
        night: its name.
        board: its blocks, all ended.
    """
    lives, resent = earlier(store, night), sum(b.lost + b.killed for b in board.blocks)
    if not lives and not resent:
        return {}
    blocks = [b for b in board.blocks if b.result and "key" in b.result]
    begun = {b.label: attempts.of(store, b.result["key"]) for b in blocks if b.result}
    first = since(lives, board)
    reused = [Artifact.from_json(b.result) for b in blocks if b.cached and b.result]
    return {
        "lives": _told(lives, [*begun.values()], board.started),
        "resent": resent,
        "computed": len(blocks) - len(reused),
        "reused": len(reused),
        "bytes": sum(artifact.bytes for artifact in reused),
        "damaged": [a.kind for a in reused if not store.holds(a)],
        "twice": [label for label, of_it in begun.items() if attempts.repeated(of_it, first)],
    }


def since(lives: Sequence[Life], board: Board) -> float:
    """When the first of a night's lives began to work on it: of one alone, with its own board."""
    return lives[0].started if lives else board.started


def _told(
    lives: Sequence[Life], begun: Sequence[Sequence[Attempt]], now: float
) -> list[dict[str, Any]]:
    """Each life with what it began of tonight's blocks, and when it last began one."""
    told = []
    for i, life in enumerate(lives):
        end = lives[i + 1].started if i + 1 < len(lives) else now
        mine = [a.started for of_it in begun for a in of_it if life.started <= a.started < end]
        told.append(
            {
                "run": life.run,
                "started": _stamp(life.started),
                "died": life.end != FAILED,
                "begun": len(mine),
                "last": _stamp(max(mine, default=life.started)),
            }
        )
    return told


def _stamp(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, _ZONE).isoformat(timespec="seconds")
