"""The night's check against the future, from the raw rows on.

The rows of a sample of stocks are cut off, and poisoned, at twenty days and more, many of them the
first day of something: an ex-date, a suspension, a listing; at some early days they are poisoned.
The night is replayed on what is left, and every verdict, member of the universe, adjusted price,
factor and signal of the days before must be what it was, bit for bit. Each stage is also replayed
with a leak of one day planted in it; a night on which one of these is not caught cannot vouch for
the rest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.validation import poison
from tasks.validation.cuts import sample
from tasks.validation.leaks import Leak
from tasks.validation.replay import PLANTED, STAGES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.bars import Bars
    from tasks.validation.cuts import Cut, Sample
    from tasks.validation.replay import Replay, Seen

    Rows = slice | NDArray[np.intp]

SEED = 7


@dataclasses.dataclass(frozen=True)
class StageReport:
    """What was found in one stage.

    Attributes:
        name: of the stage.
        outputs: how many were compared.
        leaks: the first one of each output that leaks.
        caught: how many of the cuts showed the leak that was planted in the stage.
        first_caught: the first cell of the planted leak; None if it was never caught.
    """

    name: str
    outputs: int
    leaks: tuple[Leak, ...]
    caught: int
    first_caught: Leak | None


@dataclasses.dataclass(frozen=True)
class NightReport:
    """Outcome of the night's check.

    Attributes:
        stages: in the night's order.
        cuts: where the history was cut, and why there.
        stocks, sessions: of the sample.
        replays: how often the night was computed.
    """

    stages: tuple[StageReport, ...]
    cuts: tuple[Cut, ...]
    stocks: int
    sessions: int
    replays: int

    @property
    def ok(self) -> bool:
        """Whether nothing leaked and every planted leak was caught."""
        return all(not stage.leaks and stage.caught for stage in self.stages)


def check(bars: Bars, replay: Replay) -> NightReport:
    """Replay the night on a sample of its raw rows with other futures.

    Args:
        bars: as `load_bars` read them.
        replay: how.
    """
    return check_sample(sample(bars), replay)


def check_sample(part: Sample, replay: Replay) -> NightReport:
    """As `check`, on a sample that has been chosen."""
    whole = replay.run(part.bars)
    found: dict[tuple[str, str], Leak] = {}
    caught: dict[str, list[Leak]] = {stage: [] for stage in STAGES}
    replays = 1
    cuts = (*part.cuts, *part.early)
    for number, cut in enumerate(cuts):
        noticed: dict[str, Leak] = {}
        for change, bars in _futures(part, cut, number):
            seen = replay.run(bars)
            replays += 1
            for leak in _differences(whole, seen, cut, change):
                stage, _, output = leak.name.partition(": ")
                if output == PLANTED:
                    noticed.setdefault(stage, leak)
                else:
                    found.setdefault((stage, output), leak)
        for stage, leak in noticed.items():
            caught[stage].append(leak)
    return NightReport(
        stages=tuple(
            StageReport(
                name=stage,
                outputs=len(whole[stage].outputs) - 1,
                leaks=tuple(leak for (s, _), leak in found.items() if s == stage),
                caught=len(caught[stage]),
                first_caught=next(iter(caught[stage]), None),
            )
            for stage in STAGES
        ),
        cuts=tuple(sorted(cuts, key=lambda cut: cut.day)),
        stocks=len(whole["universe"].symbols),
        sessions=len(whole["universe"].dates),
        replays=replays,
    )


def to_json(report: NightReport, untested: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The report as JSON values: stages, cuts, and the planted leaks with how they ended.

    Args:
        report: the outcome.
        untested: stages that could not be tested, each with the sentence why.
    """
    lost = untested or {}
    return {
        "stages": [_stage_json(stage, lost.get(stage.name, "")) for stage in report.stages],
        "cuts": [{"day": str(cut.day), "why": cut.why} for cut in report.cuts],
        "stocks": report.stocks,
        "sessions": report.sessions,
        "replays": report.replays,
        "planted": [_planted_json(stage, len(report.cuts)) for stage in report.stages],
    }


def is_clean(found: Mapping[str, Any]) -> bool:
    """Whether, of `to_json`'s values, no stage leaks and every alarm rang as it should."""
    return all(part["ok"] for part in (*found["stages"], *found["planted"]))


def _stage_json(stage: StageReport, untested: str) -> dict[str, Any]:
    leaks = [] if untested else [_within(leak) for leak in stage.leaks]
    return {
        "name": stage.name,
        "ok": not leaks,
        "untested": untested,
        "outputs": stage.outputs,
        "leaking": [leak.name for leak in leaks],
        "leaks": [leak.sentence for leak in leaks],
    }


def _within(leak: Leak) -> Leak:
    """The leak without its stage's name in front."""
    return dataclasses.replace(leak, name=leak.name.partition(": ")[2])


def _planted_json(stage: StageReport, cuts: int) -> dict[str, Any]:
    first = f"; first: {stage.first_caught.sentence}" if stage.first_caught else ""
    return {
        "name": f"{stage.name}: one day early",
        "expected": "caught",
        "seen": "caught" if stage.caught else "clean",
        "sentence": f"{stage.caught} of {cuts} cuts show it{first}",
        "ok": bool(stage.caught),
    }


def _futures(part: Sample, cut: Cut, number: int) -> Iterator[tuple[str, Bars]]:
    """The rows without their future, and with one poisoned; the poisons take turns.

    At an early cut the future is scaled and no more: what is computed may need some days.
    """
    bars, random = part.bars, np.random.default_rng([SEED, number])
    if cut in part.early:
        yield "scaled", poison.scaled(bars, cut.day, random)
        return
    yield "truncated", poison.truncated(bars, cut.day, random)
    names = list(poison.CHANGES)
    chosen = names[number % len(names)]
    yield chosen, poison.CHANGES[chosen](bars, cut.day, random)


def _differences(
    whole: dict[str, Seen], seen: dict[str, Seen], cut: Cut, change: str
) -> Iterator[Leak]:
    """The first cell of each output before the cut that is not what it was."""
    for stage, before in whole.items():
        after = seen[stage]
        days, rows, columns = _shared(before, after, cut.day)
        symbols = before.symbols if columns is None else [before.symbols[i] for i in columns[0]]
        for name, values in before.outputs.items():
            # an output that is gone has no value: a difference wherever it had one
            later = after.outputs.get(name, np.full((len(after.dates), len(after.symbols)), np.nan))
            old, new = values[rows[0]], later[rows[1]]
            if columns is not None:
                old, new = old[:, columns[0]], new[:, columns[1]]
            differs = (old != new) & ~(np.isnan(old) & np.isnan(new))
            if differs.any():
                row, column = (int(i) for i in np.argwhere(differs)[0])
                yield Leak(
                    name=f"{stage}: {name}",
                    change=change,
                    cut=str(cut.day),
                    date=str(days[row]),
                    symbol=symbols[column],
                    before=float(old[row, column]),
                    after=float(new[row, column]),
                )


def _shared(
    before: Seen, after: Seen, cut: np.datetime64
) -> tuple[NDArray[np.datetime64], tuple[Rows, Rows], tuple[list[int], list[int]] | None]:
    """The days before the cut that both have, and their rows and columns in each.

    A day or symbol that only one of them has is a difference of the gate, whose grid is that of
    the raw rows and shows it there. No columns are given where all are the same.
    """
    past = before.dates[before.dates < cut]
    rows: tuple[Rows, Rows] = slice(0, len(past)), slice(0, len(past))
    if not np.array_equal(past, after.dates[: len(past)]):
        past, *found = np.intersect1d(past, after.dates, assume_unique=True, return_indices=True)
        rows = found[0], found[1]
    if before.symbols == after.symbols:
        return past, rows, None
    place = {symbol: i for i, symbol in enumerate(after.symbols)}
    both = [i for i, symbol in enumerate(before.symbols) if symbol in place]
    return past, rows, (both, [place[before.symbols[i]] for i in both])
