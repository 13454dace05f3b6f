"""Which night it is, its stages, its devices, where its numbers come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.report.night import DeviceUse, Life, Provenance, Run, Stage, Survival
from tasks.report.states import State
from tasks.report.words import Text, Words, say

Json = Mapping[str, Any]


def run(summary: Json, ui: str = "") -> Run:
    """The night's identity."""
    facts, code = summary["run"], summary["code"]
    features = _stage_of(summary, "features")
    used = features.get("device", {}).get("used", "cpu")
    reason = features.get("device", {}).get("reason", "")
    return Run(
        day=facts["day"],
        name=facts["folder"].rsplit("/", 1)[-1],
        size=facts["size"],
        device_asked=facts["device_asked"],
        device_used=used,
        device_reason=reason,
        started=facts["started"],
        finished=facts["finished"],
        seconds=facts["seconds"],
        source=facts["source"],
        simulated=facts["simulated"],
        commit=code["commit"][:12],
        modified=code["modified"],
        snapshot=summary["inputs"]["data"],
        ui=ui,
        flow=facts["flow"],
    )


def stages(summary: Json, notes: Mapping[str, Words]) -> tuple[Stage, ...]:
    """Every stage with what was done, cached and failed; `notes` adds a sentence by stage."""
    return tuple(_stage(s, notes.get(s["name"], "")) for s in summary["stages"] if _shown(s))


def devices(summary: Json) -> tuple[DeviceUse, ...]:
    """What each stage computed on, and why."""
    asked = summary["run"]["device_asked"]
    return tuple(
        DeviceUse(
            stage=s["name"],
            asked=asked,
            used=s["device"]["used"],
            reason=s["device"]["reason"],
            seconds=s["work_seconds"],
        )
        for s in summary["stages"]
        if s["device"]
    )


def provenance(summary: Json) -> Provenance:
    """What is needed to get the same numbers again."""
    facts, inputs = summary["run"], summary["inputs"]
    names = {
        "data": "data snapshot",
        "settings": "settings",
        "files": "your own files",
        "code": "code",
        "lock": "lock file",
    }
    return Provenance(
        run_id=facts["id"],
        hashes={shown: inputs[name] for name, shown in names.items()}
        | {"numbers": summary["numbers"]},
        versions={
            name: "not installed" if v == "absent" else v for name, v in summary["versions"].items()
        },
        seeds=summary["seeds"],
        machine=summary["machine"],
        command=summary["command"],
        code_mixed=summary["code"]["mixed"],
        survival=_survival(summary.get("survived", {})),
    )


def _survival(told: Json) -> Survival | None:
    if not told:
        return None
    return Survival(
        lives=tuple(
            Life(
                run_id=life["run"], started=life["started"], last=life["last"],
                begun=life["begun"], died=life["died"],
            )
            for life in told["lives"]
        ),
        resent=told["resent"],
        computed=told["computed"],
        reused=told["reused"],
        bytes=told["bytes"],
        damaged=tuple(told["damaged"]),
        twice=tuple(told["twice"]),
    )  # fmt: skip


def _stage_of(summary: Json, name: str) -> Json:
    return next((s for s in summary["stages"] if s["name"] == name), {})


def _shown(stage: Json) -> bool:
    return bool(stage["blocks"] or stage["skipped"])


def _stage(stage: Json, note: Words) -> Stage:
    failed = stage["failed"]
    total = stage["blocks"]
    done = stage["computed"] + stage["cached"]
    state: State = "FAIL" if failed else "SKIP" if stage["skipped"] else "PASS"
    return Stage(
        name=stage["name"],
        state=state,
        done=say(
            "{done} of {total} blocks", "{total} 块中 {done} 块", done=str(done), total=str(total)
        ),
        seconds=stage["seconds"],
        start=stage["start"],
        device=stage["device"].get("used", ""),
        cached=stage["cached"],
        computed=stage["computed"],
        failed=len(failed),
        failed_blocks=tuple(failed),
        note=_skipped(stage["skipped"]) if stage["skipped"] else note,
    )


def _skipped(reason: str) -> Words:
    return Text(reason, f"未运行：{reason}")
