"""The night: everything that the report, the artifacts, the closing table and the alerts show.

A `Night` is built once, at the end of a run, from the run's artifacts, and everything that people
see is a pure function of it. Parts that were not built hold a `Missing` with one sentence that
says why: "not run", "no data" and "failed" are different things, and none of them is zero.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

from tasks.report.research import Estimate as Estimate
from tasks.report.research import Factors, Model, Portfolio, Ranking
from tasks.report.states import State, worst
from tasks.report.trials import Trials
from tasks.report.words import Words


@dataclasses.dataclass(frozen=True)
class Missing:
    """A part that is not there: one sentence why, and whether it was skipped, failed or unknown."""

    why: Words
    state: State = "SKIP"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Which night this is.

    Attributes:
        day: the session that the night works on, ISO.
        name: such as `full-01`, the folder below `runs/<day>/`.
        size: `small` or `full`.
        device_asked, device_used: such as `auto`, `cpu`, `gpu`.
        device_reason: why they differ, in words.
        started, finished: ISO moments with their zone; `finished` None while it runs.
        seconds: that the run took; in the report, which is a part of it, until it was written.
        source: name of the data source; `simulated` says that no number here is of a real market.
        commit: the code's commit; `modified` whether files differed from it, None if unknown.
        snapshot: hash of the data.
        ui: address of the run's page in Prefect.
        flow: `nightly`, or `train` for a night's training alone.
    """

    day: str
    name: str
    size: str
    device_asked: str
    device_used: str
    started: str
    source: str
    simulated: bool
    finished: str | None = None
    seconds: float | None = None
    device_reason: Words = ""
    commit: str = ""
    modified: bool | None = None
    snapshot: str = ""
    market: str = "cn-a"
    ui: str = ""
    flow: str = "nightly"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of the night.

    Attributes:
        done: what was done, such as "8 of 8 blocks".
        seconds: wall-clock time; `start` seconds since the night began.
        median_seconds: median over the last 20 nights.
        device, asked: `cpu` or `gpu`, used and asked for; empty where it makes no difference.
        cached, computed, failed: blocks by how they ended; `retries` and `lost_workers` on the way.
        failed_blocks: their names, such as `backtest 004/020 trials 0186-0247`.
        note: one sentence for people.
    """

    name: str
    state: State
    done: Words = ""
    seconds: float | None = None
    start: float | None = None
    median_seconds: float | None = None
    device: str = ""
    asked: str = ""
    cached: int = 0
    computed: int = 0
    failed: int = 0
    retries: int = 0
    lost_workers: int = 0
    failed_blocks: tuple[str, ...] = ()
    note: Words = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Coverage:
    """Rows present and expected by day for one source; None where the source was not read."""

    source: str
    days: tuple[str, ...]
    present: tuple[int | None, ...]
    expected: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One check of the quality gate; `worst` names symbol, date and value of the worst example."""

    name: Words
    state: State
    evaluated: int | None = None
    bad: int | None = None
    threshold: Words = ""
    worst: Words = ""
    since: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quarantined:
    """A symbol set aside: the rule that it broke, since when, the effect, how to release it."""

    symbol: str
    rule: Words
    name: str = ""
    first_day: str = ""
    rows: int | None = None
    effect: Words = ""
    command: str = ""


@dataclasses.dataclass(frozen=True)
class LargeMove:
    """A move beyond the day's limit without a known corporate action, masked in labels."""

    symbol: str
    day: str
    change: float
    reason: Words = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataHealth:
    """Whether the data is good and fresh.

    Attributes:
        expected_day, last_day: newest session by the exchange calendar and in the data.
        present, expected: symbols with a bar on the last day, and those that should have one.
        quarantined_by_count, quarantined_by_value: share of the universe set aside, fractions.
        suspended, special_treatment, newly_listed, limit_locked: symbols on the last day.
        adjustment: how prices are adjusted, in words.
    """

    expected_day: str
    last_day: str
    present: int | None = None
    expected: int | None = None
    coverage: tuple[Coverage, ...] = ()
    checks: tuple[Check, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    quarantined_by_count: float | None = None
    quarantined_by_value: float | None = None
    suspended: int | None = None
    special_treatment: int | None = None
    newly_listed: int | None = None
    limit_locked: int | None = None
    adjustment: Words = ""
    masked: tuple[LargeMove, ...] = ()
    csv: str = ""

    @property
    def stale(self) -> bool:
        """Whether the newest bar is older than the session that was expected."""
        return self.last_day < self.expected_day

    @property
    def state(self) -> State:
        """Worst of the checks; set-aside symbols and stale data are warnings."""
        states: list[State] = [check.state for check in self.checks] or ["UNKNOWN"]
        if self.quarantined or self.stale:
            states.append("WARN")
        return worst(states)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeakTest:
    """One test against data from the future; `planted` ones prove that the alarm itself works.

    `problem` is half a sentence for the first screen, where "it failed" would not say enough.
    """

    name: Words
    catches: Words
    expected: Words
    seen: Words
    state: State
    planted: bool = False
    problem: Words = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeviceUse:
    """Device of one stage; `speed` against, and largest `difference` from, the last CPU night."""

    stage: str
    asked: str
    used: str
    reason: Words = ""
    seconds: float | None = None
    speed: float | None = None
    difference: float | None = None
    tolerance: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class InputChange:
    """One input of the night, before and now; equal values mean that it did not change."""

    name: Words
    before: str
    now: str
    note: Words = ""

    @property
    def changed(self) -> bool:
        """Whether a change of result can be blamed on it."""
        return self.before != self.now


@dataclasses.dataclass(frozen=True)
class Move:
    """Something that entered, left or moved: a name and one sentence."""

    name: str
    what: Words = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """Since the previous night: inputs, and what entered, left or moved.

    `scope` says among what, such as "survivors" or "top 30 of the ranking"; `far` from how many
    places on a move is listed, 0 where every move is.
    """

    previous_day: str
    previous_name: str
    scope: Words = ""
    inputs: tuple[InputChange, ...] = ()
    numbers_before: Mapping[str, float | int | str | None] = dataclasses.field(default_factory=dict)
    entered: tuple[Move, ...] = ()
    left: tuple[Move, ...] = ()
    moved: tuple[Move, ...] = ()
    far: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Life:
    """A process that worked on the night before the one that completed it.

    Attributes:
        run_id: Prefect's id of its run.
        started, last: when it began, and when it began its last block; ISO with zone.
        begun: how many of the night's blocks it began.
        died: whether it was killed; else it ended Failed by itself.
    """

    run_id: str
    started: str
    last: str
    begun: int
    died: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survival:
    """What the night survived, and what was checked of that which it took over.

    Attributes:
        lives: oldest first.
        resent: how often a block was sent again that the cluster had lost.
        computed, reused: blocks of the last life.
        bytes: of the reused artifacts, all of them read again and compared with their hashes.
        damaged: kinds of the reused artifacts that are not what was written.
        twice: names of the blocks that were begun more than once.
    """

    lives: tuple[Life, ...]
    resent: int
    computed: int
    reused: int
    bytes: int
    damaged: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Provenance:
    """What is needed to get the same numbers again; never secrets, user names or paths.

    Attributes:
        run_id: Prefect's id of the run.
        hashes: name to hash: data snapshot, settings, code, lock file, the night's own numbers.
        versions: package to version, `not installed` where absent.
        seeds: name to seed.
        machine: cores, memory, GPU, system.
        command: what reproduces the night.
        code_mixed: whether a retry reused blocks of older code.
        survival: the resume certificate; None for a night that nothing disturbed.
    """

    run_id: str
    hashes: Mapping[str, str]
    versions: Mapping[str, str]
    seeds: Mapping[str, int]
    machine: Mapping[str, str]
    command: str
    code_mixed: bool = False
    survival: Survival | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Action:
    """Something to do now: why, the command to paste, the report's section (a letter)."""

    what: Words
    command: str = ""
    section: str = "J"
    state: State = "WARN"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that is not as it should be, as one clause that can follow "finished, but"."""

    what: Words
    state: State = "WARN"
    section: str = "J"
    since: str = ""
    effect: Words = ""
    do: Words = ""


_NOT_RUN = Missing("this part has not run")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Night:
    """One night, whole. Parts that are not there say why (`Missing`)."""

    run: Run
    stages: tuple[Stage, ...] = ()
    health: DataHealth | Missing = _NOT_RUN
    trials: Trials | Missing = _NOT_RUN
    portfolios: tuple[Portfolio, ...] | Missing = _NOT_RUN
    factors: Factors | Missing = _NOT_RUN
    model: Model | Missing = _NOT_RUN
    ranking: Ranking | Missing = _NOT_RUN
    changes: Changes | Missing = _NOT_RUN
    leaks: tuple[LeakTest, ...] | Missing = _NOT_RUN
    devices: tuple[DeviceUse, ...] | Missing = _NOT_RUN
    provenance: Provenance | Missing = _NOT_RUN
    actions: tuple[Action, ...] = ()
    problems: tuple[Problem, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A JSON value; NaN becomes null, for it means the same: missing."""
        value: dict[str, Any] = _plain(dataclasses.asdict(self))
        return value

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Night:
        """Read back what `to_json` gave."""
        return _reader().validate_python(value)  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    """JSON values only: tuples to lists, numpy scalars to Python's, NaN to None."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@functools.cache
def _reader() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Night)
