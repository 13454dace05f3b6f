"""A range of nights, each as it would have been known on its date.

Nights that are finished with the same data, settings and code are skipped, so a backfill that was
broken off goes on where it stopped. A night that fails never stops the others.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

from prefect import State, flow, runtime
from prefect.artifacts import create_table_artifact
from prefect.states import Completed, Failed
from pydantic import Field

from flows import _cli_config, _history, _hooks, _processes, _summary
from flows._night import code_of_steps
from flows._settings import MOST_AT_ONCE, NightlyConfig
from tasks.data.sources import registry
from tasks.data.store import Store
from tasks.errors import DataNotReadyError, NightFailedError, QilinError, UserError
from tasks.market import calendar

TABLE_KEY = "backfill-nights"
#: more would be a mistake in a date
MOST_NIGHTS = 2600


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one night of the range ended.

    Attributes:
        day: its session.
        state: `found` (finished earlier), `PASS`, `WARN`, `FAIL`, `elsewhere` (another run works on
            it), or `waiting` (its data are not there yet).
        sentence: the night's own.
        report: its report below the store, empty if there is none.
    """

    day: str
    state: str
    sentence: str
    report: str = ""


def run_name() -> str:
    """`backfill 2026-06-01 to 2026-06-30`."""
    given = runtime.flow_run.parameters
    return f"backfill {given['start']} to {given['end']}"


@flow(
    name="backfill",
    flow_run_name=run_name,
    on_failure=[_hooks.report_failure],
    on_completion=[_hooks.report_completion],
    on_crashed=[_hooks.report_crash],
    retries=0,
    persist_result=False,
)
def backfill(
    start: str,
    end: str,
    config: NightlyConfig = NightlyConfig(),  # noqa: B008 - frozen
    at_once: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 1,
    again: bool = False,
) -> State[Any]:
    """Run every session of a range that is not finished yet.

    Args:
        start: First day of the range, such as 2026-06-01.
        end: Last day of the range, included.
        config: Settings of every night; the data date is each night's own. Unchanged: the standard
            night.
        at_once: How many nights work side by side; they share this machine or cluster. Default 1.
        again: On: write the reports of finished nights again; their work is found. Off (default):
            skip them.

    Returns:
        Completed with a count of what was done; Failed if a night failed, naming the first. A night
        whose data are not there yet has not failed: the next backfill runs it.
    """
    try:
        planned = nights(start, end, config)
        with ThreadPoolExecutor(max_workers=at_once) as pool:
            outcomes = list(pool.map(functools.partial(_one, again=again), planned))
    except QilinError as error:
        return Failed(message=str(error), data=error)
    words = sentence(outcomes)
    rows = [dataclasses.asdict(outcome) for outcome in outcomes]
    create_table_artifact(rows, key=TABLE_KEY, description=words)
    if any(outcome.state == "FAIL" for outcome in outcomes):
        return Failed(message=words, data=NightFailedError(words))
    return Completed(message=words)


def sentence(outcomes: list[Outcome]) -> str:
    """Everything in one sentence, the first night that failed by name."""
    counts = {state: sum(o.state == state for o in outcomes) for state in _WORDS}
    parts = [f"{count} {_WORDS[state]}" for state, count in counts.items() if count]
    failed = next((o for o in outcomes if o.state == "FAIL"), None)
    text = f"{len(outcomes)} night{'s' * (len(outcomes) != 1)}: {', '.join(parts)}"
    return f"{text}; first failure {failed.day}: {failed.sentence}" if failed else text


_WORDS = {
    "PASS": "passed",
    "WARN": "passed with warnings",
    "FAIL": "failed",
    "found": "finished earlier",
    "elsewhere": "worked on by other runs",
    "waiting": "not there yet",
}


def finished(config: NightlyConfig, store: Store) -> dict[str, Any]:
    """Summary of a run of the very same night that did not fail; empty if there is none."""
    content = registry.content_id(config.data, config.data_date)
    wanted = {
        "data": content,
        "settings": _summary.settings_hash(config.model_dump(mode="json")),
        "code": _summary.digest(code_of_steps()),
    }
    for summary in reversed(_history.summaries(store, config.data_date)):
        same = all(summary["inputs"].get(name) == value for name, value in wanted.items())
        if same and summary.get("state") in ("PASS", "WARN"):
            return summary
    return {}


def nights(start: str, end: str, config: NightlyConfig) -> list[NightlyConfig]:
    """The night of every session of the range.

    Raises:
        UserError: no dates, a range without sessions, or a very long one.
    """
    days = [str(day) for day in calendar.sessions(start, end)]
    if start > end:
        raise UserError(f"backfill from {start} to {end} runs backwards: swap the two days")
    if not days:
        raise UserError(f"from {start} to {end} the exchange has no session: choose other days")
    if len(days) > MOST_NIGHTS:
        raise UserError(
            f"from {start} to {end} are {len(days)} sessions, more than {MOST_NIGHTS}: "
            "backfill a part of them at a time"
        )
    return [config.model_copy(update={"data_date": day}) for day in days]


def _one(config: NightlyConfig, again: bool) -> Outcome:
    """Run one night, in a process of its own, unless it is finished.

    Nights side by side would share one interpreter, and their clusters its event loop: where one
    ended, another lost its scheduler.
    """
    store = Store()
    day = config.data_date
    done = {} if again else finished(config, store)
    if done:
        return Outcome(day, "found", str(done["sentence"]), str(done["report"]))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "night.toml"
        file.write_text(_cli_config.as_toml(config), encoding="utf-8")
        words = ["nightly", "--config", str(file), "--json"]
        out, name = Path(folder) / "outcome.json", f"backfill-{day}"
        code = _processes.run_guarded(name, [sys.executable, "-m", "flows.cli", *words], out)
        text = out.read_text(encoding="utf-8")
    told = json.loads(text) if text.startswith("{") else {}
    if told.get("skipped"):
        return Outcome(day, "elsewhere", str(told["error"]))
    if code:
        said = _processes.last_line(_processes.log_path(name)).removeprefix("qilin: ")
        state = "waiting" if code == DataNotReadyError.exit_code else "FAIL"
        return Outcome(day, state, told.get("error") or said)
    report = str(told["report"]).removeprefix(f"{store.root.rstrip('/')}/")
    return Outcome(day, str(told["state"]), str(told["sentence"]), report)
