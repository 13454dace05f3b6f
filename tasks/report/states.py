"""The one vocabulary of states, used by the report, the artifacts, the terminal and the alerts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

State = Literal["PASS", "WARN", "FAIL", "SKIP", "UNKNOWN"]

#: the sign beside each word; colour only repeats it
SIGN: Final[dict[str, str]] = {"PASS": "✓", "WARN": "!", "FAIL": "✕", "SKIP": "–", "UNKNOWN": "?"}
#: the words in Chinese
CHINESE: Final[dict[str, str]] = {
    "PASS": "通过",
    "WARN": "警告",
    "FAIL": "失败",
    "SKIP": "跳过",
    "UNKNOWN": "未知",
}
#: worse states first; something skipped on purpose never makes a night worse
WORST_FIRST: Final[tuple[State, ...]] = ("FAIL", "WARN", "UNKNOWN", "PASS", "SKIP")


def worst(states: Iterable[State]) -> State:
    """The worst of some states; `UNKNOWN` if there are none, for nothing was looked at."""
    seen = set(states)
    return next((state for state in WORST_FIRST if state in seen), "UNKNOWN")


def severity(state: State) -> int:
    """Position in order of concern, 0 the worst: a sort key."""
    return WORST_FIRST.index(state)
