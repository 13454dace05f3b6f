"""The inputs of two nights side by side, and what in them is not the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tasks.report.night import InputChange
from tasks.report.words import Text, Words, say

Json = Mapping[str, Any]

_INPUTS: dict[str, Words] = {
    "data": Text("data snapshot", "数据快照"),
    "settings": Text("settings", "设置"),
    "files": Text("your own files", "用户文件"),
    "ledger": Text("ledger of trials", "试验台账"),
    "vault": Text("vault", "留存数据"),
    "rules": Text("trading rules", "交易规则"),
    "seeds": Text("seeds", "随机种子"),
    "code": Text("code", "代码"),
    "lock": Text("package versions", "软件包版本"),
}
#: where the parts of an input lie in the summary, by name of the input
_PARTS = {"settings": ("settings",), "code": ("code", "steps"), "lock": ("versions",)}
HASH_DIGITS = 12
#: parts of one input that are named
NAMED = 3


def input_changes(summary: Json, previous: Json) -> tuple[InputChange, ...]:
    """Every input that both nights wrote down, with the names of what differs inside it."""
    known = {"seeds": _seeds(previous), **previous["inputs"]}
    return tuple(
        InputChange(
            name=shown,
            before=_shown(previous, name),
            now=_shown(summary, name),
            note=_note(summary, previous, name),
        )
        for name, shown in _INPUTS.items()
        if name in known
    )


def _shown(summary: Json, name: str) -> str:
    if name == "seeds":
        return _seeds(summary)
    return str(summary["inputs"].get(name, ""))[:HASH_DIGITS]


def _seeds(summary: Json) -> str:
    return ", ".join(f"{name} {seed}" for name, seed in summary.get("seeds", {}).items())


def _note(summary: Json, previous: Json, name: str) -> Words:
    """What differs inside an input: settings and versions with their values, steps by name."""
    if name not in _PARTS:
        return ""
    old, new = (dict(_leaves(_part(night, name))) for night in (previous, summary))
    if not old or not new:  # the older night did not write them down
        return ""
    differ = [part for part in sorted(old.keys() | new.keys()) if old.get(part) != new.get(part)]
    told = [_told(part, old.get(part), new.get(part), name) for part in differ[:NAMED]]
    if len(differ) > NAMED:
        more = len(differ) - NAMED
        return say("{t} and {n} more", "{t} 等另 {n} 项", t=", ".join(told), n=str(more))
    return ", ".join(told)


def _part(summary: Json, name: str) -> Any:
    found: Any = summary
    for key in _PARTS[name]:
        found = found.get(key, {})
    return found


def _leaves(value: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and values of everything inside."""
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{path}{name}.")
        else:
            yield f"{path}{name}", str(inner)


def _told(part: str, before: str | None, now: str | None, name: str) -> str:
    if name == "code":  # two hashes would say nothing
        return part
    return f"{part}: {before or 'none'} → {now or 'none'}"
