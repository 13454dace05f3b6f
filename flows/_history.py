"""Runs that the store remembers: found by id, folder, day or name, without a server."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

from flows._settings import NightlyConfig
from tasks.data.store import Store
from tasks.errors import UserError

Summary = dict[str, Any]


def summary_of(store: Store, run: str = "") -> Summary:
    """The summary of a run.

    Args:
        store: where to look.
        run: the run's id, its folder such as `full-1a2b3c4d` or `runs/2026-11-20/full-1a2b3c4d`,
            its name such as `nightly 2026-11-20 full`, or a day, which means the last run of it;
            empty: the newest run.

    Raises:
        UserError: no such run, or it ended before it had a summary.
    """
    folder = _folder(store, run.strip())
    text = store.read_note(f"{folder}/summary.json") if folder else ""
    if not text:
        what = f"run {run!r}" if run else "a finished run"
        raise UserError(
            f"{what} is not in the store {store.root}, or has no summary: "
            "qilin status shows the last night, and the folder runs/ all of them"
        )
    summary: Summary = json.loads(text)
    return summary


def settings_of(store: Store, run_id: str) -> NightlyConfig:
    """The settings that a run was started with.

    Raises:
        UserError: the store does not know them.
    """
    text = store.read_note(f"runs/settings/{run_id}")
    if not text:
        raise UserError(f"the settings of run {run_id} are not in the store {store.root}: run the "
                        "night again with qilin nightly")  # fmt: skip
    return NightlyConfig.model_validate_json(text)


def days(store: Store) -> list[str]:
    """Sessions that have runs, oldest first."""
    return sorted(name for name in store.names("runs") if _is_day(name))


def summaries(store: Store, day: str) -> list[Summary]:
    """Summaries of a session's runs, oldest first."""
    texts = (
        store.read_note(f"runs/{day}/{run}/summary.json") for run in store.names(f"runs/{day}")
    )
    found: list[Summary] = [json.loads(text) for text in texts if text]
    return sorted(found, key=lambda s: str(s["run"]["finished"]))


def _folder(store: Store, run: str) -> str:
    if _is_uuid(run):
        return store.read_note(f"runs/folders/{uuid.UUID(run)}")
    if not run or run == "latest":
        newest = [s for day in days(store) for s in summaries(store, day)]
        return (
            str(max(newest, key=lambda s: s["run"]["finished"])["run"]["folder"]) if newest else ""
        )
    if run.startswith("runs/"):
        return run.rstrip("/")
    words = run.split()
    named = [word for word in words if _is_day(word)]
    if named:  # a day, or a name that holds one
        of_day = [s for s in summaries(store, named[0]) if _matches(s, words)]
        return str(of_day[-1]["run"]["folder"]) if of_day else ""
    return next(
        (f"runs/{day}/{run}" for day in days(store) if run in store.names(f"runs/{day}")), ""
    )


def _matches(summary: Summary, words: list[str]) -> bool:
    return not {"small", "full"} & set(words) or summary["run"]["size"] in words


def _is_day(name: str) -> bool:
    try:
        dt.date.fromisoformat(name)
    except ValueError:
        return False
    return True


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
