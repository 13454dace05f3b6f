"""What changed since the night before: inputs first, so that a moved number has a cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.report.assemble.inputs import input_changes
from tasks.report.night import Changes, Missing, Move
from tasks.report.words import Text, say

Json = Mapping[str, Any]

#: how many of the ranking's first places are compared, and that at most one stock in so many
TOP, TOP_SHARE = 30, 3
#: places that a stock must move to be worth a line, and at most one of so many that are ranked
FAR, FAR_SHARE = 20, 5


def changes(
    summary: Json, previous: Json, ranked: Sequence[str], ranked_before: Sequence[str]
) -> Changes | Missing:
    """Inputs side by side, and who entered, left or moved within the top of the ranking.

    Where few stocks are ranked, the top is a part of them and a shorter move counts: among sixteen
    nobody can leave the first thirty or move by twenty places.
    """
    if not previous:
        return Missing(
            Text("there is no earlier night to compare with", "没有更早的夜间运行可供比较")
        )
    ranks = max(len(ranked), len(ranked_before))
    top, far = min(TOP, -(-ranks // TOP_SHARE)), min(FAR, -(-ranks // FAR_SHARE))
    now, before = set(ranked[:top]), set(ranked_before[:top])
    place = {symbol: i + 1 for i, symbol in enumerate(ranked)}
    old = {symbol: i + 1 for i, symbol in enumerate(ranked_before)}
    jumped = [s for s in ranked[:top] if s in before and abs(place[s] - old[s]) >= far]
    return Changes(
        scope=Text(f"top {top} of the ranking", f"排名前 {top}"),
        previous_day=previous["run"]["day"],
        previous_name=previous["run"]["folder"].rsplit("/", 1)[-1],
        inputs=input_changes(summary, previous),
        numbers_before=previous.get("headline", {}),
        entered=tuple(_move(s, old.get(s), place[s]) for s in ranked[:top] if s not in before),
        left=tuple(_move(s, old[s], place.get(s)) for s in ranked_before[:top] if s not in now),
        moved=tuple(_move(s, old[s], place[s]) for s in jumped),
        far=far,
    )


def _move(symbol: str, before: int | None, now: int | None) -> Move:
    start = Text("unranked", "未排名") if before is None else str(before)
    end = Text("unranked", "未排名") if now is None else str(now)
    return Move(name=symbol, what=say("rank {a} to {b}", "排名 {a} 至 {b}", a=start, b=end))
