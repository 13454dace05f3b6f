"""Two runs side by side: what went in, what came out, and which input moved the numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from flows._settings import NightlyConfig

Json = Mapping[str, Any]
Numbers = dict[str, float]

#: settings that are swapped together, in the order of the night's work
GROUPS = {
    "data": ("data_date", "data"),
    "universe": ("size", "advanced.gate", "advanced.universe"),
    "features": ("advanced.features", "device"),
    "sweep": ("advanced.sweep",),
    "costs": ("advanced.costs",),
    "training": ("advanced.train",),
    "portfolio": ("advanced.portfolio",),
    "validation": ("advanced.validation",),
}
#: settings that change no number
LOOKS = ("note", "language", "advanced.report")
#: inputs that only the night itself had: today's packages, ledger and machine compute what lies
#: between two nights
NOT_SWAPPED = ("versions", "input", "machine")
HASH_DIGITS = 12


@dataclasses.dataclass(frozen=True)
class Difference:
    """One thing that is not the same in both runs."""

    kind: str
    name: str
    before: str
    now: str

    @property
    def line(self) -> str:
        """The difference as one line of text."""
        return f"{self.kind:<9} {self.name}: {self.before} -> {self.now}"


def differences(
    before: Json, now: Json, settings_before: NightlyConfig, settings_now: NightlyConfig
) -> list[Difference]:
    """Inputs of two runs that differ: data, settings, code, versions, rules, seeds, machine.

    Args:
        before: summary of the earlier run.
        now: summary of the later run.
        settings_before: its settings.
        settings_now: its settings.
    """
    found = [
        Difference("data", name, str(before["run"][name]), str(now["run"][name]))
        for name in ("day", "source", "size")
        if before["run"][name] != now["run"][name]
    ]
    if before["inputs"]["data"] != now["inputs"]["data"]:
        found.append(_short("data", "content", before["inputs"]["data"], now["inputs"]["data"]))
    old, new = flat(settings_before), flat(settings_now)
    found += [
        Difference("settings", name, str(old.get(name)), str(new.get(name)))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name) and name not in ("note", "language", "data_date")
    ]
    found += _changed("code", before["code"]["steps"], now["code"]["steps"], shorten=True)
    if before["code"]["commit"] != now["code"]["commit"]:
        found.append(_short("code", "commit", before["code"]["commit"], now["code"]["commit"]))
    found += _changed("versions", before["versions"], now["versions"])
    found += _changed("seeds", before["seeds"], now["seeds"])
    others = {k: v for k, v in before["inputs"].items() if k not in _SHOWN}
    found += _changed("input", others, {k: now["inputs"].get(k, "") for k in others}, shorten=True)
    kept = ("cores", "memory", "system", "python", "cluster")
    machines = [{k: s["machine"].get(k) for k in kept} for s in (before, now)]
    return found + _changed("machine", *machines)


#: inputs that are shown in full elsewhere
_SHOWN = ("data", "settings", "code")


def numbers(summary: Json) -> Numbers:
    """The headline numbers of a run; those that are missing are left out."""
    return {k: float(v) for k, v in summary.get("headline", {}).items() if _is_number(v)}


def first_difference(before: Json, now: Json) -> str:
    """First artifact, in the order of the work, whose content differs; empty if none does."""
    order = [name for block in now["blocks"] for name in now["outputs"]
             if name == block["step"] or name.startswith(f"{block['step']}/")]  # fmt: skip
    for name in dict.fromkeys(order):
        if before["outputs"].get(name) != now["outputs"][name]:
            return str(name)
    return ""


def attribute(
    before: NightlyConfig, now: NightlyConfig, run: Callable[[NightlyConfig], Numbers]
) -> list[tuple[str, Numbers]]:
    """Numbers on the way from one night's settings to another's, one input swapped at a time.

    Every step keeps the swaps before it, so the changes add up to the whole. Work that does not
    depend on what was swapped is found in the store.

    Args:
        before: settings of the earlier night, its data date among them.
        now: settings of the later night, likewise.
        run: computes a night with today's code; its headline numbers.

    Returns:
        First `today's code` with the earlier settings, then a row per input that differs.
    """
    at = before
    rows = [("today's code", run(at))]
    for group, names in GROUPS.items():
        swapped = _with(at, now, names)
        if swapped != at:
            at = swapped
            rows.append((group, run(at)))
    return rows


def flat(model: NightlyConfig) -> dict[str, Any]:
    """Dotted names of all settings to their values."""

    def walk(value: Mapping[str, Any], path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, inner in value.items():
            dotted = f"{path}{name}"
            found |= walk(inner, f"{dotted}.") if isinstance(inner, dict) else {dotted: inner}
        return found

    return walk(model.model_dump(mode="json"), "")


def _with(base: NightlyConfig, other: NightlyConfig, names: tuple[str, ...]) -> NightlyConfig:
    """The base's settings, but the other's under these names."""
    values, theirs = base.model_dump(mode="json"), other.model_dump(mode="json")
    for name in names:
        *path, last = name.split(".")
        inner, source = values, theirs
        for part in path:
            inner, source = inner[part], source[part]
        inner[last] = source[last]
    return NightlyConfig.model_validate(values)


def _changed(kind: str, before: Json, now: Json, *, shorten: bool = False) -> list[Difference]:
    make = _short if shorten else _plain
    names = sorted(before.keys() | now.keys())
    return [make(kind, n, before.get(n), now.get(n)) for n in names if before.get(n) != now.get(n)]


def _plain(kind: str, name: str, before: Any, now: Any) -> Difference:
    return Difference(kind, name, _text(before), _text(now))


def _short(kind: str, name: str, before: Any, now: Any) -> Difference:
    return Difference(kind, name, _text(before)[:HASH_DIGITS], _text(now)[:HASH_DIGITS])


def _text(value: Any) -> str:
    return "none" if value in (None, "") else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
