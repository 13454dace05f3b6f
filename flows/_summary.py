"""The run's summary: everything about a night that fits into one JSON file, nothing twice."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import os
import platform
import resource
import subprocess
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flows import _cli_config, _lives, _names, _turns
from flows._board import STAGES, Block, Board
from tasks import settings
from tasks.data import attempts, keys, vault
from tasks.market.rules import a_share_rules

if TYPE_CHECKING:
    from flows._night import Night
    from tasks.data.store import Store

SCHEMA = 1
ZONE = ZoneInfo("Asia/Shanghai")
PACKAGES = (
    "prefect", "prefect-dask", "dask", "distributed", "numpy", "pandas", "pyarrow", "numba",
    "lightgbm", "xgboost", "torch", "scipy", "cupy-cuda13x", "cudf-cu13",
)  # fmt: skip


def build(night: Night) -> dict[str, Any]:
    """The summary of a night as it stands.

    `outputs` maps every data artifact to the hash of its content: two runs of one night agree
    there whatever the workers, the order and the crashes were.
    """
    board, config = night.board, night.config
    outputs = _outputs(board)
    started = dt.datetime.fromtimestamp(board.started, ZONE)
    finished = dt.datetime.now(ZONE)
    return {
        "schema": SCHEMA,
        "run": {
            "flow": night.flow,
            "id": night.run_id,
            "folder": night.folder,
            "day": night.day,
            "size": config.size,
            "note": config.note,
            "source": config.data.source,
            "simulated": config.data.source == "simulated",
            "device_asked": config.device,
            "started": started.isoformat(timespec="seconds"),
            "finished": finished.isoformat(timespec="seconds"),
            "seconds": round((finished - started).total_seconds(), 3),
        },
        "inputs": {
            "data": night.content,
            "settings": settings_hash(config.model_dump(mode="json")),
            "files": digest([f for f in (night.factors.file, night.sweeping.file) if f]),
            "set_aside": digest(night.deadly) if night.deadly else "",
            **_judging(night),
            "rules": digest([row._asdict() for row in a_share_rules().rows]),
            "code": digest(board.context.code),
            "lock": _lock_hash(),
        },
        "code": {
            **_commit(),
            "steps": dict(board.context.code),
            "mixed": any(_made_by_other_code(b, board.context.code) for b in board.blocks),
        },
        "versions": {name: keys.installed_version(name) for name in PACKAGES},
        "settings": telling_settings(config.model_dump(mode="json")),
        "seeds": {
            "simulated": config.data.simulated.seed,
            "train": config.advanced.train.seed,
        },
        "machine": machine(),
        "vault": _vault(night),
        "model": config.advanced.train.model,
        "stages": [_stage(board, name) for name in STAGES],
        "blocks": _blocks(board),
        "counts": _counts(board, night.store, _since(night)),
        "timing": _timing(board),
        "failures": [{"stage": f.stage, "label": f.label, "sentence": f.sentence}
                     for f in board.failures],
        "skipped": dict(board.skipped),
        "outputs": outputs,
        "numbers": digest(outputs),
        "command": _cli_config.command_for(config, night.day),
        "parts": dict(night.parts),
    }  # fmt: skip


def _judging(night: Night) -> dict[str, str]:
    """Hashes of the ledger's snapshot and of the vault; none where it did not come to that."""
    return {
        "ledger": "" if night.ledger is None else night.ledger.sha256,
        "vault": "" if night.vault is None else night.vault.digest,
    }


def _vault(night: Night) -> dict[str, Any]:
    """The family, its interval, and every look inside until now."""
    if night.vault is None:
        return {}
    looks = vault.openings(night.store, night.vault.family)
    return {**dataclasses.asdict(night.vault), "openings": [dataclasses.asdict(o) for o in looks]}


def settings_hash(value: Mapping[str, Any]) -> str:
    """Hash of the settings that can change numbers."""
    return digest(telling_settings(value))


def telling_settings(value: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that can change numbers: not the note, the language, the looks or paths.

    Nor the data date that was asked for: it is empty or the night's own day, and the same night
    would have two identities, one by its schedule and one by its command.
    """
    kept = {k: v for k, v in value.items() if k not in ("note", "language", "data_date")}
    kept["data"] = {k: v for k, v in value["data"].items() if k != "path"}
    kept["advanced"] = {k: v for k, v in value["advanced"].items() if k != "report"}
    for path in _cli_config.PATHS:
        _, area, name = path.split(".")
        kept["advanced"][area] = {k: v for k, v in kept["advanced"][area].items() if k != name}
    return kept


def machine() -> dict[str, str]:
    """What the driver runs on; nothing that names a user or a place."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cluster": os.environ.get("QILIN_CLUSTER", "threads"),
        "peak_memory": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB",
    }


def _stage(board: Board, name: str) -> dict[str, Any]:
    blocks = board.of(name)
    computed = [b for b in blocks if b.result is not None and not b.cached]
    ended = [b.ended for b in blocks if b.ended]
    return {
        "name": name,
        "blocks": len(blocks),
        "computed": len(computed),
        "cached": sum(b.cached for b in blocks),
        "failed": [b.label for b in blocks if b.failure],
        "skipped": board.skipped.get(name, ""),
        "start": round(min((b.submitted for b in blocks), default=0) - board.started, 3)
        if blocks
        else None,
        "seconds": round(max(ended) - min(b.submitted for b in blocks), 3) if ended else None,
        "work_seconds": round(sum(_seconds(b) for b in computed), 3),
        "device": _device(blocks),
    }


def _blocks(board: Board) -> list[dict[str, Any]]:
    """Every block; those computed in this run with the worker's thread, called `0`, `1`, ..."""
    threads: dict[str, str] = {}
    found = []
    for block in board.blocks:
        notes = (block.result or {}).get("notes", {})
        worker, began = "", None
        if not block.cached and "worker" in notes:
            worker = threads.setdefault(notes["worker"], str(len(threads)))
            began = round(notes["began"] - board.started, 3)
        found.append({**_block(block, board.started), "began": began, "worker": worker})
    return found


def _block(block: Block, began: float) -> dict[str, Any]:
    notes = (block.result or {}).get("notes", {})
    return {
        "stage": block.stage,
        "step": block.step,
        "label": block.label,
        "state": "failed" if block.failure else "cached" if block.cached else "computed",
        "key": (block.result or {}).get("key", ""),
        "start": round(block.submitted - began, 3),
        "end": round(block.ended - began, 3) if block.ended else None,
        "work_seconds": _seconds(block),
        "took_seconds": float(notes.get("seconds", 0.0)),
        "parts": _parts(block),
        "after": [b.label for b in block.after],
    }


def _since(night: Night) -> float:
    """When the first life began that this run goes on with."""
    name = _turns.night_name(night.config, night.day)
    return _lives.since(_lives.earlier(night.store, name), night.board)


def _counts(board: Board, store: Store, since: float) -> dict[str, int]:
    """Blocks by how they ended, and how often their work was begun in the lives of this night."""
    found = [b.result["key"] for b in board.blocks if b.result and "key" in b.result]
    begun = [attempts.of(store, key) for key in found]
    return {
        "blocks": len(board.blocks),
        "computed": sum(b.result is not None and not b.cached for b in board.blocks),
        "cached": sum(b.cached for b in board.blocks),
        "failed": len(board.failures),
        "attempts": sum(a.started >= since for of_it in begun for a in of_it),
        "begun_twice": sum(attempts.repeated(of_it, since) for of_it in begun),
    }


def _timing(board: Board) -> dict[str, float]:
    """Work, its critical path through the blocks, and what orchestration added to it."""
    longest: dict[str, float] = {}
    for block in board.blocks:  # submission order: whatever a block waits for comes before it
        before = max((longest[b.label] for b in block.after), default=0.0)
        least = _seconds(block) / _parts(block)  # parts run beside each other
        longest[block.label] = before + (0.0 if block.cached else least)
    work = sum(_seconds(b) for b in board.blocks if not b.cached)
    return {
        "work_seconds": round(work, 3),
        "critical_path_seconds": round(max(longest.values(), default=0.0), 3),
        "work_per_core_seconds": round(work / max(1, len(os.sched_getaffinity(0))), 3),
        "wall_seconds": round(max((b.ended for b in board.blocks), default=board.started)
                              - board.started, 3),
    }  # fmt: skip


def _outputs(board: Board) -> dict[str, str]:
    """Artifact name to content hash; the report says how the run went: every run has its own."""
    blocks = [b for b in board.blocks if b.stage != "report"]
    names = _names.outputs((b.step, b.label) for b in blocks)
    outputs = {names[b.label]: b.result["sha256"] for b in blocks if b.result is not None}
    return dict(sorted(outputs.items()))


def _seconds(block: Block) -> float:
    """Work of a block; of one that spread over the workers, that of its parts, without waiting."""
    notes = (block.result or {}).get("notes", {})
    return float(notes.get("part_seconds") or notes.get("seconds", 0.0))


def _parts(block: Block) -> int:
    """How many pieces of a block could run beside each other."""
    return max(1, int((block.result or {}).get("notes", {}).get("parts", 1)))


def _device(blocks: Sequence[Block]) -> dict[str, Any]:
    """What a stage computed on and why: of several blocks, one that a GPU could not do."""
    told = [n for b in blocks if "device" in (n := (b.result or {}).get("notes", {}))]
    if not told:
        return {}
    worst = max(told, key=lambda notes: int(notes.get("fallbacks", 0)))
    return {
        "used": worst["device"],
        "reason": worst.get("reason", ""),
        "fallbacks": sum(int(notes.get("fallbacks", 0)) for notes in told),
    }


def _made_by_other_code(block: Block, code: Mapping[str, str]) -> bool:
    if block.result is None:
        return False
    made_by = str(block.result.get("notes", {}).get("code", ""))
    return made_by != code.get(block.step, made_by)


def _commit() -> dict[str, Any]:
    """The checkout's commit, and whether files differ from it; unknown outside a checkout."""
    try:
        commit = _git("rev-parse", "HEAD")
        return {"commit": commit, "modified": bool(_git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return {"commit": "", "modified": None}


def _git(*words: str) -> str:
    done = subprocess.run(  # noqa: S603 - fixed words, no shell
        ["git", *words],  # noqa: S607 - git of the user's PATH
        cwd=settings.CHECKOUT, capture_output=True, text=True, check=True, timeout=10,
    )  # fmt: skip
    return done.stdout.strip()


def _lock_hash() -> str:
    path = settings.CHECKOUT / "requirements.lock"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def digest(value: Any) -> str:
    """Hash of a plain value, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(keys.canonical(value), sort_keys=True).encode()).hexdigest()
