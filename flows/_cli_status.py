"""`qilin status`: what runs, how the last night ended, when the next one starts, what is open.

Everything is read from the store, the locks of running nights and, where a server answers, its API;
Prefect itself is not loaded, so that the answer comes at once.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flows import _history, _lock, _server, _up
from flows._cli_display import pick_words
from tasks import settings
from tasks.data.store import Store
from tasks.errors import QilinError
from tasks.report import format as fmt
from tasks.report.words import pick

#: every time of a night is the exchange's
ZONE = ZoneInfo("Asia/Shanghai")
NEVER = "No night has run yet. Start one: qilin nightly --size small"


def status() -> int:
    """Show the running, the last and the next night, open alerts and what to retry."""
    print("\n".join(lines(Store(), dt.datetime.now(dt.UTC))))
    return 0


def lines(store: Store, now: dt.datetime) -> list[str]:
    """The lines of `qilin status` at a moment."""
    url = _server.any_url()
    begun = _begun(store)
    working = [run for run in begun if _lock.is_held(run)]
    found = [f"running   {_name(begun[run])}{_progress(url, run)}" for run in working]
    last = _history.latest(store)
    if last:
        found.append(f"last      {_last(last, now)}")
        found += [f"failed    {f['sentence']}" for f in last.get("failures", [])[:5]]
        if last.get("failures"):
            found.append(f"          again: qilin retry {last['run']['id']}")
    broken = _broken_off(store, begun, working)
    if broken:
        found.append(f"broken    {_name(begun[broken])} ended without a word: qilin retry {broken}")
    if not found and not url:
        return [NEVER]
    waiting = _waiting(url, now)
    ahead = [f"next      {_next(url, now)}", f"alerts    {_alerts()}"]
    return [*(found or [NEVER]), *(f"waiting   {words}" for words in waiting), *ahead]


def _begun(store: Store) -> dict[str, str]:
    """Run id to folder of every run that got as far as its session, and had its turn."""
    noted = {run: store.read_note(f"runs/folders/{run}") for run in store.names("runs/folders")}
    return {run: folder for run, folder in noted.items() if folder}


def _name(folder: str) -> str:
    """`nightly 2026-11-20 full`, from the run's folder; `training 2026-11-20` of one apart."""
    kind, day, run = folder.split("/")
    if kind != "runs":
        return f"{kind.removesuffix('s')} {day}"
    return f"nightly {day} {run.rsplit('-', 1)[0]}"


def _progress(url: str, run: str) -> str:
    if not url:
        return ""
    body = {
        "artifacts": {"flow_run_id": {"any_": [run]}, "key": {"any_": ["nightly-progress"]}},
        "sort": "CREATED_DESC",
        "limit": 1,
    }
    try:
        artifacts = _server.ask(url, "/artifacts/filter", body)
    except QilinError:  # the server may end with the very night that is asked about
        return ""
    if not artifacts:
        return ""
    return f": {artifacts[0]['description']} ({float(artifacts[0]['data']):.0f} %)"


def _last(summary: dict[str, Any], now: dt.datetime) -> str:
    run = summary["run"]
    finished = dt.datetime.fromisoformat(run["finished"])
    age = pick(fmt.duration((now - finished).total_seconds()))
    sentence = pick_words(summary.get("sentence", ""), "en")
    state = summary.get("state", "UNKNOWN")
    return f"{run['day']} {run['size']} {state}, ended {_at(finished)} ({age} ago); {sentence}"


def _broken_off(store: Store, begun: dict[str, str], working: list[str]) -> str:
    """The newest run that began, wrote no summary and is worked on by nobody; empty if none."""
    lost = [
        run
        for run, folder in begun.items()
        if run not in working and "summary.json" not in store.names(folder)
    ]
    if not store.is_local or not lost:
        return ""
    newest = max(begun, key=lambda run: Path(store.path(f"runs/folders/{run}")).stat().st_mtime)
    return newest if newest in lost else ""


def _waiting(url: str, now: dt.datetime) -> list[str]:
    """Nights whose time has come and that nobody works on yet, such as a retry for its worker."""
    return [
        f"{run['name']} since {_at(_moment(run))}: its worker takes it, or start one with qilin up"
        for run in _scheduled(url, {"before_": now.isoformat()})
    ]


def _scheduled(url: str, when: dict[str, str]) -> list[dict[str, Any]]:
    """The first nights that are scheduled and not begun, of a time."""
    body = {
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}, "expected_start_time": when},
        "flows": {"name": {"any_": ["nightly"]}},
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": 3,
    }
    return list(_server.ask(url, "/flow_runs/filter", body)) if url else []


def _moment(run: dict[str, Any]) -> dt.datetime:
    """When a run is to start; of a retry that is when it was asked for."""
    text = str(run["next_scheduled_start_time"] or run["expected_start_time"])
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def _at(moment: dt.datetime) -> str:
    return str(fmt.stamp(moment.astimezone(ZONE).isoformat()))


def _next(url: str, now: dt.datetime) -> str:
    runs = _scheduled(url, {"after_": now.isoformat()})
    running = _up.running()
    names = {p.name for p in running.alive()} if running else set()
    if not runs and _up.WORKER_LOG in names:
        log = settings.local_home() / "logs" / f"{_server.SERVER_LOG}.log"
        return f"none planned, which takes the server a minute after qilin up; else see {log}"
    if not runs:
        return "none scheduled; start server and worker with: qilin up"
    return _at(_moment(runs[0])) + (
        "" if _up.WORKER_LOG in names else "; no worker here, start it with: qilin up"
    )


def _alerts() -> str:
    path = settings.local_home() / "monitor" / "outbox.sqlite"
    if not path.is_file():
        return "none open"
    from tasks.monitor.outbox import Outbox

    with Outbox(path) as outbox:
        problems = outbox.open_problems()
    if not problems:
        return "none open"
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{len(problems)} open: {first.what} since {_at(first.since)}{more}"
