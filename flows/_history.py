"""Runs that the store remembers: found by id, folder, day or name, without a server."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, Any

from tasks.data.store import Store
from tasks.errors import UserError

if TYPE_CHECKING:
    from flows._settings import NightlyConfig

Summary = dict[str, Any]


def summary_of(store: Store, run: str = "") -> Summary:
    """The summary of a run.

    Args:
        store: where to look.
        run: the run's id or its first eight digits, its folder such as `full-1a2b3c4d` or
            `runs/2026-11-20/full-1a2b3c4d`, the path of its report, its name such as
            `nightly 2026-11-20 full`, or a day, which means the last run of it; empty: the newest
            night.

    Raises:
        UserError: no such run, or it ended before it had a summary.
    """
    name = run.strip()
    newest = name in ("", "latest")
    summary = latest(store) if newest else _read(store, _folder(store, name))
    if not summary:
        what = f"run {run!r}" if run else "a finished run"
        raise UserError(
            f"{what} is not in the store {store.root}, or has no summary: "
            "qilin status shows the last night, and the folder runs/ all of them"
        )
    return summary


def latest(store: Store) -> Summary:
    """Summary of the newest night that has one; empty if there is none."""
    if store.is_local:
        return _read(store, "runs/latest")
    pointer = store.read_note("runs/latest.json")
    return _read(store, json.loads(pointer)["folder"]) if pointer else {}


def settings_of(store: Store, run_id: str) -> NightlyConfig:
    """The settings that a run was started with.

    Raises:
        UserError: the store does not know them.
    """
    from flows._settings import NightlyConfig

    text = store.read_note(f"runs/settings/{run_id}")
    if not text:
        raise UserError(f"the settings of run {run_id} are not in the store {store.root}: run the "
                        "night again with qilin nightly")  # fmt: skip
    return NightlyConfig.model_validate_json(text)


def days(store: Store) -> list[str]:
    """Sessions that have runs, oldest first."""
    return sorted(name for name in store.names("runs") if is_day(name))


def summaries(store: Store, day: str) -> list[Summary]:
    """Summaries of a session's runs, oldest first."""
    folders = (f"runs/{day}/{run}" for run in store.names(f"runs/{day}"))
    found = [summary for folder in folders if (summary := _read(store, folder))]
    return sorted(found, key=lambda s: str(s["run"]["finished"]))


def _read(store: Store, folder: str) -> Summary:
    """The summary in a run's folder; empty if there is none."""
    text = store.read_note(f"{folder}/summary.json") if folder else ""
    found: Summary = json.loads(text) if text else {}
    return found


def _folder(store: Store, run: str) -> str:
    if is_uuid(run):
        return store.read_note(f"runs/folders/{uuid.UUID(run)}")
    path = "/" + run.removeprefix("file://").removesuffix("/")
    if "/runs/" in path:  # pasted from where a run said that its report lies
        inside = path.rpartition("/runs/")[2]
        return "runs/" + "/".join(inside.split("/")[:2])
    words = run.split()
    named = [word for word in words if is_day(word)]
    if named:  # a day, or a name that holds one
        of_day = [s for s in summaries(store, named[0]) if _matches(s, words)]
        return str(of_day[-1]["run"]["folder"]) if of_day else ""
    folders = [f"runs/{day}/{name}" for day in days(store) for name in store.names(f"runs/{day}")]
    ended = [f for f in folders if f.endswith((f"/{run}", f"-{run}"))]
    return ended[-1] if ended else ""


def _matches(summary: Summary, words: list[str]) -> bool:
    return not {"small", "full"} & set(words) or summary["run"]["size"] in words


def is_day(name: str) -> bool:
    """Whether a name is a date, such as 2026-11-20."""
    try:
        dt.date.fromisoformat(name)
    except ValueError:
        return False
    return True


def is_uuid(text: str) -> bool:
    """Whether a text is the id of a flow run."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
