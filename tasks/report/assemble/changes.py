"""What changed since the night before: inputs first, so that a moved number has a cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.report.assemble.inputs import input_changes
from tasks.report.night import Changes, Missing, Move
from tasks.report.words import Text, say

Json = Mapping[str, Any]

#: how many of the ranking's first places are compared
TOP = 30
#: places that a stock must move to be worth a line
FAR = 20
#: most lines of one kind
LINES = 10


def changes(
    summary: Json, previous: Json, ranked: Sequence[str], ranked_before: Sequence[str]
) -> Changes | Missing:
    """Inputs side by side, and who entered or left the top of the ranking."""
    if not previous:
        return Missing(
            Text("there is no earlier night to compare with", "没有更早的夜间运行可供比较")
        )
    now, before = set(ranked[:TOP]), set(ranked_before[:TOP])
    place = {symbol: i + 1 for i, symbol in enumerate(ranked)}
    old = {symbol: i + 1 for i, symbol in enumerate(ranked_before)}
    jumped = sorted(
        (s for s in place.keys() & old.keys() if abs(place[s] - old[s]) >= FAR and s in now),
        key=lambda s: place[s],
    )
    return Changes(
        scope=Text(f"top {TOP} of the ranking", f"排名前 {TOP}"),
        previous_day=previous["run"]["day"],
        previous_name=previous["run"]["folder"].rsplit("/", 1)[-1],
        inputs=input_changes(summary, previous),
        entered=tuple(_move(s, old.get(s), place[s]) for s in ranked[:TOP] if s not in before),
        left=tuple(_move(s, old[s], place.get(s)) for s in ranked_before[:TOP] if s not in now),
        moved=tuple(_move(s, old[s], place[s]) for s in jumped[:LINES]),
    )


def _move(symbol: str, before: int | None, now: int | None) -> Move:
    start = Text("unranked", "未排名") if before is None else str(before)
    end = Text("unranked", "未排名") if now is None else str(now)
    return Move(name=symbol, what=say("rank {a} to {b}", "排名 {a} 至 {b}", a=start, b=end))
